// What only a browser knows of a report: nothing is asked of a network, no name runs, no text leaves its place at any width.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/package.js';
import { openBrowser } from './browser.js';
import { built } from './terminal.js';

const FOLDER = fileURLToPath(new URL('test/fixtures/', packageRoot()));
const hasBrowser = ((): boolean => {
  try {
    execFileSync('chromium', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    if (process.env.CI !== undefined) throw new Error('no chromium: .ci/run installs it');
    return false;
  }
})();
const browser = openBrowser();
afterAll(() => browser.close());

const reportOf = (path: string): string =>
  execFileSync(process.execPath, [built('src/cli.js'), 'report', path], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });

/** Names that would run, load or turn the page around if they were taken for more than names; each 15 bytes at most. */
const FORGED = [
  '<script>x()',
  '<img src=//a.b>',
  '</style><b>',
  '"onload="x()',
  '\u202e\u05e9\u05dc\u05d5\u05dd',
  '\ufdfd\ufdfd\ufdfd',
  '\u{1f4a9}\u{1f4a9}',
];

/** A real recording in which every process has such a name. Seals are for the original bytes and go. */
const forge = (path: string): string => {
  let next = 0;
  const names = new Map<string, string>();
  const nameFor = (comm: string, pid: number): string => {
    const key = `${pid} ${comm}`;
    const name = names.get(key) ?? FORGED[next++ % FORGED.length] ?? '';
    names.set(key, name);
    return name;
  };
  const rename = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(rename);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, each]) => [
      key,
      key === 'comm' ? nameFor(String(each), 'pid' in value ? Number(value.pid) : 0) : rename(each),
    ]);
    return Object.fromEntries(entries);
  };
  const lines = gunzipSync(readFileSync(path)).toString().trim().split('\n');
  const events = lines.filter((line) => line.startsWith('{"kind"'));
  return browser.put(
    'forged.ndjson',
    events.map((line) => `${JSON.stringify(rename(JSON.parse(line)))}\n`).join(''),
  );
};

type Measured = {
  readonly frame: number;
  /** Without the scroll bar. */
  readonly width: number;
  readonly scrollWidth: number;
  /** Texts of drawings that leave them, and elements of the page that are wider than it. */
  readonly outside: readonly string[];
  readonly texts: number;
  readonly hasRun: boolean;
  /** What the page asked for beside itself. */
  readonly requests: readonly string[];
  readonly ground: string;
};

/** A page that loads the report at several widths, and tells what it sees there. */
const PROBE = (page: string): string => `<!doctype html><meta charset="utf-8"><body><script>
const out = [];
const measure = (width) => new Promise((done) => {
  const frame = document.createElement('iframe');
  frame.style = 'border:0;height:800px;width:' + width + 'px';
  frame.src = ${JSON.stringify(page)};
  frame.onload = () => {
    const inside = frame.contentDocument, view = frame.contentWindow, outside = [];
    let texts = 0;
    for (const text of inside.querySelectorAll('svg text')) {
      texts++;
      const box = text.getBBox(), room = text.ownerSVGElement.viewBox.baseVal;
      if (box.x < -0.5 || box.y < -0.5 || box.x + box.width > room.width + 0.5 || box.y + box.height > room.height + 0.5)
        outside.push(text.textContent + ' ' + [box.x, box.y, box.width, box.height].map(Math.round));
    }
    for (const element of inside.querySelectorAll('main, p, dl, dd, h1, h2, h3, .wide, .finding'))
      if (element.getBoundingClientRect().right > inside.documentElement.clientWidth + 0.5) outside.push(element.tagName + ' ' + element.textContent.slice(0, 60));
    for (const element of inside.querySelectorAll('p, dd, h1, h3, td'))
      if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0) outside.push('text of ' + element.tagName + ' ' + element.textContent.slice(0, 60));
    out.push({ frame: width, width: inside.documentElement.clientWidth, scrollWidth: inside.documentElement.scrollWidth, outside, texts,
      hasRun: inside.querySelectorAll('script, img, [onload], [onerror]').length > 0,
      requests: view.performance.getEntriesByType('resource').map((entry) => entry.name),
      ground: view.getComputedStyle(inside.body).backgroundColor });
    frame.remove();
    done();
  };
  document.body.append(frame);
});
(async () => {
  for (const width of [360, 800, 1400]) await measure(width);
  const pre = document.createElement('pre');
  pre.id = 'measured';
  pre.textContent = encodeURIComponent(JSON.stringify(out));
  document.body.append(pre);
})();
</script>`;

const look = async (html: string): Promise<{ measured: Measured[]; console: string[] }> => {
  const page = browser.put('report.html', html);
  const { dom, console } = await browser.dump(browser.put('probe.html', PROBE(`file://${page}`)));
  const [, encoded] = /<pre id="measured">([^<]*)<\/pre>/.exec(dom) ?? [];
  if (encoded === undefined)
    throw new Error(`nothing was measured: ${dom.slice(-500)}\n${console.join('\n')}`);
  return { measured: JSON.parse(decodeURIComponent(encoded)) as Measured[], console };
};

const recordings = readdirSync(FOLDER).filter((name) => name.endsWith('.ndjson.gz'));

describe.skipIf(!hasBrowser)('in a browser', { timeout: 240_000 }, () => {
  it.each([...recordings, 'forged names'])('the report of %s', async (name) => {
    const path = join(FOLDER, name === 'forged names' ? (recordings[0] ?? '') : name);
    const html = reportOf(name === 'forged names' ? forge(path) : path);
    if (name === 'forged names') expect(html).toContain('&#60;script&#62;x()');
    const { measured, console } = await look(html);
    expect(console).toEqual([]);
    expect(measured.map(({ frame }) => frame)).toEqual([360, 800, 1400]);
    expect(measured.map(({ scrollWidth }) => scrollWidth)).toEqual(measured.map(({ width }) => width));
    for (const { outside, texts, hasRun, requests } of measured) {
      expect({ outside, hasRun, requests }).toEqual({ outside: [], hasRun: false, requests: [] });
      expect(texts).toBeGreaterThan(10);
    }
  });

  it('is seen to run, to load and to be too wide, when it does', async () => {
    const bad =
      '<!doctype html><p style="width:2000px;white-space:nowrap">wide<svg viewBox="0 0 9 9"><text x="50" y="5">out</text></svg><script>console.error(1)</script><img src="http://127.0.0.1:1/x.png">';
    const { measured, console } = await look(bad);
    expect(console.length).toBeGreaterThan(0);
    expect(measured[0]?.scrollWidth).toBeGreaterThan(360);
    expect(measured[0]?.hasRun).toBe(true);
    expect(measured[0]?.requests).toHaveLength(1);
    expect(measured[0]?.outside.some((text) => text.startsWith('out '))).toBe(true);
  });
});
