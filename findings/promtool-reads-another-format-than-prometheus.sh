#!/usr/bin/env bash
# promtool passes pages that Prometheus refuses whole, and refuses pages that it takes.
#
# Guess     "promtool check metrics" ships with Prometheus and tells what Prometheus will read.
# Version   prometheus 2.42.0+ds-5+deb12u1 (Debian 12), both programs.
# Happens   They use two parsers. A blank before a name, which the format's page allows, passes in
#           promtool; Prometheus takes it into the name and drops every sample of the page. A blank
#           at the end of a line, a missing last newline, or a TYPE after its sample fail in
#           promtool and are read by Prometheus. (promtool's exit: 0 or 3 read it, 3 has advice on
#           names; 1 could not.)
# Seen      2026-11-29
#             page                      promtool  prometheus
#             plain                     read      read
#             blank before a name       read      REFUSED
#             blank after the value     REFUSED   read
#             no newline at the end     REFUSED   read
#             TYPE after its sample     REFUSED   read
#             a word for a value        REFUSED   REFUSED
# Who       Whoever checks an exporter in CI with promtool: green there, up == 0 in production, and
#           the reverse.
# Source    promtool uses prometheus/common expfmt, the server model/textparse; the format's page
#           says that leading and trailing blanks are ignored.
# Needs     Debian 12, root, apt, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
self=$(realpath "$0")

if [ $# -eq 0 ]; then
  tmp=$(mktemp -d)
  trap 'rm -rf "$tmp"' EXIT
  cd "$tmp"
  apt-get -q -o APT::Sandbox::User=root download prometheus=2.42.0+ds-5+deb12u1 > /dev/null
  dpkg-deb -x prometheus_*.deb .
  unshare --net --pid --fork --kill-child --mount-proc bash "$self" "$tmp"
  exit
fi

cd "$1"
ip link set lo up
cat > look.py << 'EOF'
import http.server, json, subprocess, sys, threading, time, urllib.request

# name: page, promtool reads it, Prometheus reads it
PAGES = {
    'plain': ('a 1\nb 2\n', True, True),
    'blank before a name': ('a 1\n  b 2\n', True, False),
    'blank after the value': ('a 1 \nb 2\n', False, True),
    'no newline at the end': ('a 1\nb 2', False, True),
    'TYPE after its sample': ('a 1\n# TYPE a gauge\nb 2\n', False, True),
    'a word for a value': ('a 1\nb two\n', False, False),
}
NAMES = list(PAGES)

class Target(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = PAGES[NAMES[int(self.path[1:])]][0].encode()
        self.send_response(200)
        self.send_header('Content-Type', 'text/plain; version=0.0.4')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

def query(name):
    with urllib.request.urlopen('http://127.0.0.1:9090/api/v1/query?query=' + name, timeout=5) as answer:
        rows = json.load(answer)['data']['result']
    return {NAMES[int(row['metric']['job'])]: float(row['value'][1]) for row in rows}

threading.Thread(target=http.server.ThreadingHTTPServer(('127.0.0.1', 8080), Target).serve_forever, daemon=True).start()
with open('prometheus.yml', 'w') as f:
    f.write('global: {scrape_interval: 1s}\nscrape_configs:\n')
    for i in range(len(NAMES)):
        f.write('  - {job_name: "%d", metrics_path: "/%d", static_configs: [targets: ["127.0.0.1:8080"]]}\n' % (i, i))
with open('prometheus.log', 'w') as log:
    subprocess.Popen(['usr/bin/prometheus', '--config.file=prometheus.yml', '--storage.tsdb.path=data',
                      '--web.listen-address=127.0.0.1:9090'], stderr=log)
deadline = time.time() + 40
while True:
    try:
        up = query('up')
        if len(up) == len(NAMES):
            break
    except OSError:
        pass
    if time.time() > deadline:
        sys.exit('prometheus did not scrape all pages: ' + open('prometheus.log').read()[-2000:])
    time.sleep(0.2)
both = {name: query(name) for name in ('a', 'b')}

word = {True: 'read', False: 'REFUSED'}
same = True
print('%-25s %-9s %s' % ('page', 'promtool', 'prometheus'))
for name, (page, *stated) in PAGES.items():
    code = subprocess.run(['usr/bin/promtool', 'check', 'metrics'], input=page, text=True, capture_output=True).returncode
    read = up[name] == 1 and both['a'].get(name) == 1 and both['b'].get(name) == 2
    if not read and (up[name] != 0 or name in both['a']):
        sys.exit('%s: neither read nor refused whole' % name)
    seen = [code in (0, 3), read]
    print('%-25s %-9s %s' % (name, word[seen[0]], word[seen[1]]))
    if name in ('plain', 'a word for a value') and seen != stated:
        sys.exit('control FAILED: ' + name)
    same = same and seen == stated

print('control (both read the plain page, both refuse a word for a value): ok')
print('as stated' if same else 'CHANGED')
sys.exit(0 if same else 1)
EOF
python3 look.py
