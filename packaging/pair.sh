# Sourced by packaging/run for --pair: two hosts, a client, a mail server and a switch, each a network
# namespace of this machine, with the real keepalived.  Mail flows, and the active host is lost.
#
# It uses start, fail, alive, take_built, work, build, daemon, ctl and user of packaging/run.

mark=smtpguard$$
namespaces=
floating=192.0.2.10
mail_server=192.0.2.20
messages=400
rate=40

space() {
	echo "/run/netns/$mark-$1"
}

# NAME COMMAND...: in that host's network.
at() {
	local name=$1
	shift
	nsenter --net="$(space "$name")" "$@"
}

make_space() {
	ip netns add "$mark-$1"
	namespaces="$namespaces $mark-$1"
	ip -n "$mark-$1" link set lo up
}

# NAME ADDRESS: a cable to the switch.
plug_in() {
	make_space "$1"
	ip -n "$mark-$1" link add lan type veth peer name "$1" netns "$mark-switch"
	ip -n "$mark-switch" link set "$1" master bridge up
	ip -n "$mark-$1" address add "$2/24" dev lan
	ip -n "$mark-$1" link set lan up
}

make_networks() {
	make_space switch
	ip -n "$mark-switch" link add bridge type bridge
	ip -n "$mark-switch" link set bridge up
	plug_in client 192.0.2.100
	plug_in server "$mail_server"
	plug_in mx1 192.0.2.1
	plug_in mx2 192.0.2.2
	ip -n "$mark-mx1" link add sync type veth peer name sync netns "$mark-mx2"
	ip -n "$mark-mx1" address add 10.0.0.1/30 dev sync
	ip -n "$mark-mx2" address add 10.0.0.2/30 dev sync
	ip -n "$mark-mx1" link set sync up
	ip -n "$mark-mx2" link set sync up
}

remove_networks() {
	local name
	for name in $namespaces; do
		ip netns del "$name" 2>/dev/null || true
	done
}

# Two hosts on one machine have folders of their own; all else is as `failover setup` writes it.
configure_hosts() {
	local name place
	"$ctl" failover setup "$work/setup" nodes mx1 mx2 sync 10.0.0.1 10.0.0.2 lan 192.0.2.1 192.0.2.2 \
		interface lan addresses "$floating/24" >/dev/null </dev/null
	for name in mx1 mx2; do
		place=$work/$name
		mkdir -p "$place/run/pair"
		mkfifo -m 600 "$place/run/notify.fifo"
		cp "$work/setup/$name/failover.key" "$place/failover.key"
		{
			printf 'workers = 2;\nuser = "%s";\nlog: { target = "stderr"; };\ndrain = "1 s";\n' "$user"
			sed "s,key_file = .*,key_file = \"$place/failover.key\";,
				s,fifo = .*,fifo = \"$place/run/notify.fifo\";," "$work/setup/$name/smtpguard.conf"
		} >"$place/smtpguard.conf"
		sed "s,^\$RUNTIME=.*,\$RUNTIME=$place/run,
			s,^\$CTL=.*,\$CTL=$(command -v "$ctl"),
			s,^include .*,include $root/packaging/keepalived/pair.conf," \
			"$work/setup/$name/keepalived.conf" >"$place/keepalived.conf"
	done
}

# NAME COMMAND LINE
ask() {
	local name=$1
	shift
	"$ctl" -s "$work/$name/run/control.sock" "$@"
}

role_of() {
	ask "$1" show failover 2>/dev/null | sed -n 's/^[[:space:]]*This host: .* (\([a-z-]*\)), epoch .*/\1/p'
}

# NAME SECONDS ROLE...: 1 when it is none of them in that time, or in fault, from which it does not come by itself.
wait_for_role() {
	local name=$1 tries=$(($2 * 10)) role i
	shift 2
	for ((i = 0; i < tries; i++)); do
		role=$(role_of "$name")
		case " $* " in
		*" $role "*) return 0 ;;
		esac
		[ "$role" != fault ] || return 1
		sleep 0.1
	done
	return 1
}

start_host() {
	local name=$1 place=$work/$1
	at "$name" "${daemon[@]}" -c "$place/smtpguard.conf" --door install
	start nsenter --net="$(space "$name")" "${daemon[@]}" -c "$place/smtpguard.conf" \
		--runtime-dir "$place/run" --state-dir "$place/state" >>"$place/log" 2>&1
	echo "${pids%% *}" >"$place/daemon.pid"
	wait_for_role "$name" 20 waiting standby-catchup standby-synced ||
		fail "smtpguardd on $name does not come up: $(tail -n 5 "$place/log")"
}

start_keepalived() {
	local name=$1 place=$work/$1
	start nsenter --net="$(space "$name")" keepalived -n -l -f "$place/keepalived.conf" \
		-p "$place/keepalived.pid" -r "$place/vrrp.pid" >>"$place/keepalived.log" 2>&1
	echo "${pids%% *}" >"$place/keepalived.group"
}

start_pair() {
	start_host mx1
	start_host mx2
	start_keepalived mx1
	wait_for_role mx1 30 active degraded || fail "mx1 does not serve: $(tail -n 5 "$work/mx1/log")"
	start_keepalived mx2
	wait_for_role mx1 30 active && wait_for_role mx2 30 standby-synced ||
		fail "mx2 does not become its standby: $(tail -n 5 "$work/mx2/log")"
	ask mx1 -c "configure terminal" -c "static (inside,outside) tcp $floating 25 $mail_server 25" -c end
	ask mx2 show running-config | grep -q "^static .* $mail_server " || fail "mx2 has not taken the static of mx1"
	echo "mx1 has $floating and is active; mx2 follows it."
}

# As if the power went: nothing of it leaves any more, then everything dies.
lose_host() {
	local name=$1 pid daemon_pid keepalived_pid
	daemon_pid=$(cat "$work/$name/daemon.pid")
	keepalived_pid=$(cat "$work/$name/keepalived.group")
	# This one first: the host is to tell the other nothing of the cable that it sees go.
	ip -n "$mark-$name" link set sync down
	ip -n "$mark-switch" link set "$name" down
	kill -KILL -- "-$keepalived_pid" "$daemon_pid" 2>/dev/null || true
	while read -r _ _ pid _; do
		kill -KILL "$pid" 2>/dev/null || true
	done <"$work/$name/run/workers"
	wait "$daemon_pid" "$keepalived_pid" 2>/dev/null || true
}

tell_pair() {
	sed 's/^/  /' <<<"$(ask "$1" show failover)"
}

# mx2 has taken sessions over, and lost none.
took_over() {
	local figures taken lost
	figures=$(ask mx2 show failover | sed -n 's/^[[:space:]]*Sessions  *\([0-9]*\) taken over, \([0-9]*\) lost$/\1 \2/p')
	read -r taken lost <<<"$figures"
	[ "${taken:-0}" -gt 0 ] && [ "$lost" = 0 ]
}

# 0: no session and no message was lost.
judge() {
	local source=$1 status=0
	if ! wait_for_role mx2 10 active degraded; then
		echo "mx2 does not serve. It says:"
		tell_pair mx2
		kill "$source" 2>/dev/null || true
		return 1
	fi
	echo "mx2 serves:"
	tell_pair mx2
	wait "$source" || status=$?
	kill "$(cat "$work/sink.pid")"
	wait "$(cat "$work/sink.pid")" 2>/dev/null || true
	cat "$work/figures"
	took_over || {
		echo "mx2 has not taken all sessions over."
		return 1
	}
	"$build/tests/tools/mailledger" "$work/source.ledger" "$work/sink.ledger" && [ "$status" = 0 ]
}

run_pair() {
	make_networks
	configure_hosts
	start nsenter --net="$(space server)" "$build/tests/tools/mailsink" --quiet --ledger "$work/sink.ledger" \
		"$mail_server:25" >/dev/null
	echo "${pids%% *}" >"$work/sink.pid"
	start_pair
	echo "The client sends $messages messages, $rate in a second; after three seconds mx1 is lost."
	start nsenter --net="$(space client)" "$build/tests/tools/mailsource" --ledger "$work/source.ledger" \
		--messages "$messages" --rate "$rate" --connections 20 --per-connection 5 --sizes 1k-64k \
		"$floating:25" >"$work/figures"
	local source=${pids%% *}
	sleep 3
	echo "On mx2, before: $(ask mx2 show failover | grep 'Sessions protected' | tr -s '\t ' ' ')"
	lose_host mx1
	if judge "$source"; then
		echo "No session and no message was lost."
	else
		fail "the pair has not carried all sessions on"
	fi
}
