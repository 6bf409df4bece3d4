#!/usr/bin/env bash
# siege calls a server that answers 401 to everybody 100 % available, five times over.
#
# Guess     Ten requests, ten answers of 401: ten transactions, none successful, availability 0 % (or,
#           as ab and wrk do, ten answers that were not 2xx).
# Version   siege 4.0.7-1+b1 (Debian 12).
# Happens   siege asks again for each 401, up to five requests in all, though it has no password
#           to send, and counts each as a successful transaction. 403 and 404 count as transactions
#           that neither succeeded nor failed, at an availability of 100 %. Only 5xx fails.
# Seen      2026-11-29, siege -c 2 -r 5, ten requests asked for
#             200: server got 10, transactions 10, successful 10, failed 0, availability 100.00
#             401: server got 50, transactions 50, successful 50, failed 0, availability 100.00
#             403: server got 10, transactions 10, successful 0, failed 0, availability 100.00
#             503: server got 10, transactions 0, successful 0, failed 10, availability 0.00
# Who       A load test after a change of the proxy or of its credentials: five times the rate, no
#           failure, and an accept count on the server that is five times what was asked for.
# Source    siege src/browser.c handles 401 by repeating the request.
# Needs     Debian 12, root, apt, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
self=$(realpath "$0")

if [ $# -eq 0 ]; then
  tmp=$(mktemp -d)
  trap 'rm -rf "$tmp"' EXIT
  cd "$tmp"
  package=siege=4.0.7-1+b1
  mapfile -t missing < <(apt-get -s install --no-install-recommends "$package" | awk '/^Inst/ && $2 != "siege" { print $2 }')
  apt-get -q -o APT::Sandbox::User=root download "$package" "${missing[@]}" > /dev/null
  for deb in *.deb; do dpkg-deb -x "$deb" .; done
  export LD_LIBRARY_PATH=$tmp/usr/lib/x86_64-linux-gnu:$tmp/lib/x86_64-linux-gnu HOME=$tmp
  unshare --net --pid --fork --kill-child --mount-proc bash "$self" "$tmp"
  exit
fi

cd "$1"
ip link set lo up
python3 << 'EOF'
import http.server, json, subprocess, sys, threading

asked = {}

class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code = int(self.path[1:])
        asked[code] = asked.get(code, 0) + 1
        self.send_response(code)
        if code == 401:
            self.send_header('WWW-Authenticate', 'Basic realm="x"')
        self.send_header('Content-Length', '2')
        self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(b'x\n')

    def log_message(self, *_):
        pass

threading.Thread(target=http.server.HTTPServer(('127.0.0.1', 8080), Server).serve_forever, daemon=True).start()
seen = {}
for code in (200, 401, 403, 503):
    done = subprocess.run(['usr/bin/siege', '-R', 'etc/siege/siegerc', '-j', '-c', '2', '-r', '5', 'http://127.0.0.1:8080/%d' % code],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50)
    report = json.loads(done.stdout[done.stdout.index('{'):done.stdout.rindex('}') + 1])
    seen[code] = (asked[code], report['transactions'], report['successful_transactions'],
                  report['failed_transactions'], report['availability'])
    print('%d: server got %d, transactions %d, successful %d, failed %d, availability %.2f' % (code, *seen[code]))

control = seen[200] == (10, 10, 10, 0, 100) and seen[503] == (10, 0, 0, 10, 0)
same = seen[401] == (50, 50, 50, 0, 100) and seen[403] == (10, 10, 0, 0, 100)
print('control (200 succeeds, 503 fails):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
