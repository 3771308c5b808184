"""byte_relay.py LISTEN TARGET FLIP: carries TCP connections, and changes one byte of what the first one
that is there says to the target: the one numbered FLIP (-1: none).  On its standard input "there" and "back"
change one bit of what comes next in that direction; its end ends the relay.  Prints "flipped" when it has
changed something."""

import select
import socket
import sys


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def main():
    listener = socket.create_server(address(sys.argv[1]))
    target, flip = address(sys.argv[2]), int(sys.argv[3])
    others, carried, wanted = {}, {}, []
    print("ready", flush=True)
    while True:
        for ready in select.select([sys.stdin, listener, *others], [], [])[0]:
            if ready is sys.stdin:
                line = sys.stdin.readline()
                if not line:
                    return
                wanted.append(line.strip())
                continue
            if ready is listener:
                near = listener.accept()[0]
                try:
                    far = socket.create_connection(target, 5)
                except OSError:
                    near.close()
                    continue
                others[near], others[far], carried[near] = far, near, 0
                continue
            if ready not in others:
                continue
            try:
                data = bytearray(ready.recv(65536))
            except OSError:
                data = b""
            other = others[ready]
            if ready in carried and 0 <= flip - carried[ready] < len(data):
                data[flip - carried[ready]] ^= 0x10
                flip = -1
                print("flipped", flush=True)
            direction = "there" if ready in carried else "back"
            if data and direction in wanted:
                wanted.remove(direction)
                data[len(data) // 2] ^= 0x04
                print("flipped", flush=True)
            if ready in carried:
                carried[ready] += len(data)
            try:
                other.sendall(data)
            except OSError:
                data = b""
            if not data:
                for end in (ready, other):
                    others.pop(end, None)
                    carried.pop(end, None)
                    end.close()


if __name__ == "__main__":
    main()
