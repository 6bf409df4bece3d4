#!/usr/bin/env bash
# A target that exposes a metric named "up" replaces the "up" that Prometheus makes for it.
#
# Guess     "up" says whether the scrape worked, and only Prometheus writes it. A sample of that name
#           in the page is dropped, or renamed as a clashing label is (exported_...).
# Version   prometheus 2.42.0+ds-5+deb12u1 (Debian 12).
# Happens   The page is stored first; the sample that Prometheus adds then has the same labels and
#           time, is taken for a duplicate, and is dropped without a word in the log. So "up 0" in a
#           page that was read well reads as a dead target, and "up 7" as 7. The target list still
#           says "up". scrape_duration_seconds and its kin can be replaced in the same way.
# Seen      2026-11-29
#             page "a 1":   up 1, target list up
#             page "up 0":  up 0, target list up
#             page "up 7":  up 7, target list up
#             page "scrape_duration_seconds 99":  scrape_duration_seconds 99
#             no server:    up 0, target list down
# Who       Whoever writes an exporter for something that is up or down, and whoever is woken by
#           "up == 0" for a target that answers.
# Source    prometheus scrape/scrape.go: addReportSample() ignores ErrDuplicateSampleForTimestamp.
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
cat > prometheus.yml << 'EOF'
global: {scrape_interval: 1s}
scrape_configs:
  - {job_name: plain, metrics_path: /plain, static_configs: [targets: ["127.0.0.1:8080"]]}
  - {job_name: zero, metrics_path: /zero, static_configs: [targets: ["127.0.0.1:8080"]]}
  - {job_name: seven, metrics_path: /seven, static_configs: [targets: ["127.0.0.1:8080"]]}
  - {job_name: slow, metrics_path: /slow, static_configs: [targets: ["127.0.0.1:8080"]]}
  - {job_name: dead, static_configs: [targets: ["127.0.0.1:8081"]]}
EOF
cat > look.py << 'EOF'
import http.server, json, sys, threading, time, urllib.parse, urllib.request

PAGES = {'/plain': 'a 1\n', '/zero': 'up 0\n', '/seven': 'up 7\n', '/slow': 'scrape_duration_seconds 99\n'}

class Target(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = PAGES[self.path].encode()
        self.send_response(200)
        self.send_header('Content-Type', 'text/plain; version=0.0.4')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

def api(path):
    with urllib.request.urlopen('http://127.0.0.1:9090/api/v1/' + path, timeout=5) as answer:
        return json.load(answer)['data']

def query(name):
    rows = api('query?query=' + urllib.parse.quote(name))['result']
    return {row['metric']['job']: float(row['value'][1]) for row in rows}

threading.Thread(target=http.server.ThreadingHTTPServer(('127.0.0.1', 8080), Target).serve_forever, daemon=True).start()
deadline = time.time() + 40
while True:
    try:
        up, took = query('up'), query('scrape_duration_seconds')
        health = {t['labels']['job']: t['health'] for t in api('targets')['activeTargets']}
        if len(up) == len(took) == 5 and 'unknown' not in health.values():
            break
    except OSError:
        pass
    if time.time() > deadline:
        sys.exit('prometheus did not scrape all five targets: ' + open('prometheus.log').read()[-2000:])
    time.sleep(0.2)

for job, page in (('plain', 'page "a 1"'), ('zero', 'page "up 0"'), ('seven', 'page "up 7"'), ('dead', 'no server')):
    print('%-13s up %g, target list %s' % (page + ':', up[job], health[job]))
print('page "scrape_duration_seconds 99":  scrape_duration_seconds %g, for the plain page %g' % (took['slow'], took['plain']))

control = (up['plain'], health['plain'], up['dead'], health['dead']) == (1, 'up', 0, 'down') and took['plain'] < 40
same = (up['zero'], health['zero'], up['seven'], health['seven'], took['slow']) == (0, 'up', 7, 'up', 99)
print('control (a plain page is 1 and up, a dead target 0 and down):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
usr/bin/prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address=127.0.0.1:9090 2> prometheus.log &
python3 look.py
