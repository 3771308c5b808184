# Sourced by packaging/run and tests/run: what has to be installed, and how.
#
# install_dependencies build|test|pair|package  -- installs what is missing and says so; nothing to do: silent.
# Debian and Ubuntu have been tried (Debian 12); the other tables are marked "not yet tried".

debian_build="gcc libc6-dev meson ninja-build pkg-config liburing-dev libconfig-dev libseccomp-dev
	libprotobuf-c-dev protobuf-c-compiler libzstd-dev libssl-dev libjansson-dev libedit-dev libsystemd-dev
	libbpf-dev libmnl-dev clang bpftool libcmocka-dev scdoc swaks"
debian_test="python3 libnet-ssleay-perl strace clang-format llvm libclang-rt-14-dev openssl dpkg apt binutils
	nftables iproute2 keepalived resource-agents libxml2-utils"
debian_pair="iproute2 nftables keepalived"
debian_package="debhelper dpkg-dev lintian debootstrap"

# Fedora: not yet tried.
fedora_build="gcc glibc-devel meson ninja-build pkgconf-pkg-config liburing-devel libconfig-devel
	libseccomp-devel protobuf-c-devel protobuf-c-compiler libzstd-devel openssl-devel jansson-devel
	libedit-devel systemd-devel libbpf-devel libmnl-devel clang bpftool libcmocka-devel scdoc swaks"
fedora_test="python3 strace perl-Net-SSLeay clang-tools-extra compiler-rt openssl binutils libasan libubsan
	nftables iproute keepalived resource-agents libxml2"
fedora_pair="iproute nftables keepalived"

# Arch Linux: not yet tried.
arch_build="gcc meson ninja pkgconf liburing libconfig libseccomp protobuf-c zstd openssl jansson libedit
	systemd-libs libbpf libmnl clang bpf cmocka scdoc swaks"
arch_test="python strace perl-net-ssleay compiler-rt openssl binutils nftables iproute2 keepalived"
arch_pair="iproute2 nftables keepalived"

distribution_family() {
	local ID="" ID_LIKE=""
	if [ -r /etc/os-release ]; then
		. /etc/os-release
	fi
	case " $ID $ID_LIKE " in
	*" debian "* | *" ubuntu "*) echo debian ;;
	*" fedora "* | *" rhel "*) echo fedora ;;
	*" arch "*) echo arch ;;
	*) echo "" ;;
	esac
}

# What of the packages given is not installed.
missing_packages() {
	local family=$1 package
	shift
	for package in "$@"; do
		case $family in
		debian)
			dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null |
				grep -qx installed || echo "$package"
			;;
		fedora) rpm -q --quiet --whatprovides "$package" 2>/dev/null || echo "$package" ;;
		arch) pacman -Q "$package" >/dev/null 2>&1 || echo "$package" ;;
		esac
	done
}

install_packages() {
	local family=$1
	shift
	case $family in
	debian)
		apt-get -q update
		DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@"
		;;
	fedora) dnf -y install "$@" ;;
	arch) pacman -S --noconfirm --needed "$@" ;;
	esac
}

install_dependencies() {
	local purpose=$1 family wanted missing
	family=$(distribution_family)
	if [ -z "$family" ]; then
		echo "This distribution is not known here; needed are (Debian's names):" $debian_build
		echo "Going on as if all of it were installed."
		return 0
	fi
	eval "wanted=\$${family}_build"
	if [ "$purpose" != build ]; then
		eval "wanted=\"\$wanted \${${family}_$purpose-}\""
	fi
	missing=$(missing_packages "$family" $wanted)
	if [ -z "$missing" ]; then
		return 0
	fi
	if [ "$family" != debian ]; then
		echo "Note: the package table for $family is not yet tried."
	fi
	echo "Installing:" $missing
	install_packages "$family" $missing
}
