/*
 * early_rule_absent -- the functions of early_rule.h in a build without the gate: each says -ENOTSUP
 */
#ifndef GATE_EARLY_RULE_ABSENT_H
#define GATE_EARLY_RULE_ABSENT_H

#endif
