# bash completion for smtpguardctl: the running manager is asked, so it is never out of date
_smtpguardctl()
{
	local line=${COMP_LINE:0:COMP_POINT}

	line=${line#* }
	case $line in
	-*) return ;;
	esac
	mapfile -t COMPREPLY < <(smtpguardctl --complete "$line" 2>/dev/null | cut -f 1)
}
complete -F _smtpguardctl smtpguardctl
