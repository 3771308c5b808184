/*
 * filter_absent -- the functions of filter.h in a build without the gate: each says -ENOTSUP
 */
#ifndef GATE_FILTER_ABSENT_H
#define GATE_FILTER_ABSENT_H

#endif
