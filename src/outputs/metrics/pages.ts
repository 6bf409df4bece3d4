// The pages for people and for orchestrators beside /metrics: one HTML page that says what this is, and the answer to "is it well?".

import { findings } from '../../core/findings/diagnosis.js';
import type { State } from '../../core/state/state.js';
import { totals } from '../../core/state/totals.js';
import { formatCount, formatElapsed } from '../../core/text/format.js';
import { escapeText } from '../../core/text/html.js';
import type { Page } from '../http.js';
import { whyIll } from './health.js';

/** 200 while picks and accepts are counted, with what is still attaching beside them; else 503 with the reason. nowNs is CLOCK_MONOTONIC. */
export const healthPage = (state: State, nowNs: number): Page => {
  const why = whyIll(state, nowNs);
  return {
    status: why === null ? 200 : 503,
    type: 'text/plain; charset=utf-8',
    text: `${why ?? `ok${attaching(state)}`}\n`,
  };
};

/** The parts of the probes that have not come yet, as the end of a sentence. */
const attaching = ({ parts }: State): string => {
  const awaited = [...parts.values()].flatMap(({ part, status }) => (status === 'attaching' ? [part] : []));
  return awaited.length === 0 ? '' : `, still attaching: ${awaited.join(', ')}`;
};

/** What a person sees who opens the address in a browser. */
export const indexPage = (state: State, nowNs: number): Page => {
  const { meta } = state;
  const { picks, accepted } = totals(state);
  const facts: readonly (readonly [string, string])[] = [
    ['host', `${meta?.host ?? '-'}, kernel ${meta?.kernel ?? '-'}`],
    ['status', whyIll(state, nowNs) ?? `attached, ${meta?.rung ?? '-'} rung`],
    ['ports', meta === null || meta.ports.length === 0 ? 'all' : meta.ports.join(', ')],
    ['running for', meta === null ? '-' : formatElapsed(nowNs - state.startNs)],
    ['groups', formatCount(state.groups.size)],
    ['picks', state.attachedNs === null ? '-' : formatCount(picks)],
    ['accepted', state.attachedNs === null ? '-' : formatCount(accepted)],
  ];
  const standing = findings(state)
    .slice(0, FINDINGS_SHOWN)
    .map(({ rule, text, advice }) => ({
      text,
      advice: rule === 'ended' ? 'It is started again by itself.' : advice,
    }));
  return {
    status: 200,
    type: 'text/html; charset=utf-8',
    text: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>reuseport-trace</title>
<style>body{font:16px/1.5 sans-serif;margin:2em auto;max-width:50em;padding:0 1em}td{padding-right:2em}</style></head>
<body><h1>reuseport-trace ${escapeText(meta?.version ?? '')}</h1>
<p><a href="metrics">metrics</a> &middot; <a href="healthz">healthz</a></p>
<table>${facts.map(([name, value]) => `<tr><td>${name}</td><td>${escapeText(value)}</td></tr>`).join('\n')}</table>
<h2>Findings</h2>
${standing.length === 0 ? '<p>none</p>' : `<ul>${standing.map(({ text, advice }) => `<li>${escapeText(text)}<br><em>${escapeText(advice)}</em></li>`).join('\n')}</ul>`}
</body></html>
`,
  };
};

const FINDINGS_SHOWN = 50;
