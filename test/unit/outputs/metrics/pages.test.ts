import { describe, expect, it } from 'vitest';
import { healthPage, indexPage } from '../../../../src/outputs/metrics/pages.js';
import { at, attached, count, ended, listen, meta, stateOf, tick } from '../../events.js';

describe('healthPage', () => {
  it.each([
    ['before the probes are attached', [meta()], 2, 503, 'attaching probes'],
    ['while they tick', [meta(), attached(1), tick(1), tick(2)], 3, 200, 'ok'],
    ['after the last tick, for a while', [meta(), attached(1), tick(1), tick(2)], 17, 200, 'ok'],
    ['when they do not tick', [meta(), attached(1), tick(1), tick(2)], 18, 503, 'no tick for 16 s'],
    ['when they never ticked', [meta(), attached(1)], 30, 503, 'no tick for 29 s'],
    [
      'after bpftrace ended',
      [meta(), attached(1), ended(2, 'bpftrace ended (SIGKILL)\nits words')],
      3,
      503,
      'bpftrace ended (SIGKILL)',
    ],
    [
      'while it is started again',
      [meta(), attached(1), ended(2), { kind: 'attaching', tsNs: at(3) }],
      3,
      503,
      'attaching probes',
    ],
  ] as const)('%s', (_, events, seconds, status, text) => {
    expect(healthPage(stateOf(events), at(seconds))).toEqual({
      status,
      type: 'text/plain; charset=utf-8',
      text: `${text}\n`,
    });
  });
});

describe('indexPage', () => {
  it('says what is traced and how much', () => {
    const events = [meta(), attached(1), listen(11), count(11, 'picks', 1234), tick(1), tick(2)];
    const { text } = indexPage(stateOf(events), at(4));
    expect(text).toContain('<td>web-07, kernel 6.18.44</td>');
    expect(text).toContain('<td>attached, tracepoint rung</td>');
    expect(text).toContain('<td>running for</td><td>00:00:04</td>');
    expect(text).toContain('<td>picks</td><td>1,234</td>');
    expect(text).toContain('<p>none</p>');
  });

  it('holds no markup that a stranger chose', () => {
    const events = [
      meta({ host: '<b>"&\'' }),
      attached(1),
      listen(11, 1, { comm: '<script>alert(1)</script>' }),
      count(11, 'queue', 5),
      ...Array.from({ length: 12 }, (_, i) => tick(2 + i)),
    ];
    const { text } = indexPage(stateOf(events), at(14));
    expect(text).toContain('no accept()');
    expect(text).not.toMatch(/<script|<b>/);
    expect(text).toContain('&#60;script&#62;');
  });

  it('says nothing of what is not known', () => {
    const { text } = indexPage(stateOf([]), at(1));
    expect(text).toContain('<td>picks</td><td>-</td>');
    expect(text).toContain('<td>running for</td><td>-</td>');
  });
});
