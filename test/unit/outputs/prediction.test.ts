import { describe, expect, it } from 'vitest';
import { parseSources } from '../../../src/core/text/sources.js';
import { createLearner } from '../../../src/hash/learner.js';
import { judge, type Oracle } from '../../../src/hash/predict.js';
import { type Asked, formatPrediction, predictions } from '../../../src/outputs/prediction.js';
import { owners } from '../events.js';
import { createHunter, groupOf, picked, slots, worldOf } from '../hash/world.js';

const askedOf = async (n: number, text: string): Promise<Asked> => {
  const state = worldOf(
    ...slots(n),
    ...Array.from({ length: n }, (_, index) => owners(index + 1, 1200 + index)),
    ...Array.from({ length: n === 1 ? 0 : 60 }, (_, i) => picked(n, i)),
  );
  const learner = createLearner(createHunter().start, () => undefined);
  judge(state, groupOf(state), learner);
  await learner.settled();
  const judgement = judge(state, groupOf(state), learner);
  if (judgement.kind !== 'ready') throw new Error(judgement.why);
  const sources = parseSources(text);
  if (sources === null) throw new Error(`${text} is not understood`);
  return { state, group: groupOf(state), oracle: judgement.oracle as Oracle, sources, laddr: '127.0.0.1' };
};

describe('a prediction', () => {
  it('has a row for each of a few ports', async () => {
    expect(formatPrediction(await askedOf(4, '10.0.0.7:20000-20002'), 'lines')).toMatchInlineSnapshot(`
      [
        "tcp 10.0.0.7:20000-20002 -> 127.0.0.1:8888  4 members",
        "   PORT  INDEX     PID COMM          n = 3   n = 5",
        "  20000     #0    1200 nginx            #0      #0",
        "  20001     #0    1200 nginx            #0      #0",
        "  20002     #3    1203 nginx            #2      #4",
      ]
    `);
  });

  it('counts the ports of a range by member', async () => {
    expect(formatPrediction(await askedOf(4, '10.0.0.7:20000-20999'), 'lines')).toMatchInlineSnapshot(`
      [
        "tcp 10.0.0.7:20000-20999 -> 127.0.0.1:8888  4 members",
        " INDEX     PID COMM           PORTS  SHARE   n = 3   n = 5  FIRST PORTS",
        "    #0    1200 nginx            263  26.3%     358     206  20000 20001 20008 ...",
        "    #1    1201 nginx            273  27.3%     316     215  20004 20011 20014 ...",
        "    #2    1202 nginx            242  24.2%     326     199  20005 20006 20007 ...",
        "    #3    1203 nginx            222  22.2%             200  20002 20003 20013 ...",
        "    #4                                                 180",
      ]
    `);
  });

  it('says of the only member that it gets everything', async () => {
    expect(formatPrediction(await askedOf(1, '10.0.0.7'), 'lines')).toMatchInlineSnapshot(`
      [
        "tcp 10.0.0.7:32768-60999 -> 127.0.0.1:8888  1 member",
        " INDEX     PID COMM           PORTS  SHARE           n = 2  FIRST PORTS",
        "    #0    1200 nginx         28,232 100.0%                  32768 32769 32770 ...",
      ]
    `);
  });

  it('is an object for each port in NDJSON', async () => {
    const asked = await askedOf(5, '10.0.0.7:20000-20999');
    const all = formatPrediction(asked, 'ndjson').map((text) => JSON.parse(text));
    expect(all).toEqual(predictions(asked));
    expect(all.map(({ index, ino }) => [index, ino])).toEqual(
      Array.from({ length: 1000 }, (_, i) => [picked(5, i).index, picked(5, i).ino]),
    );
    expect(all[0]).toMatchInlineSnapshot(`
      {
        "comm": "nginx",
        "fewer": 0,
        "index": 0,
        "ino": 1,
        "kind": "prediction",
        "laddr": "127.0.0.1",
        "lport": 8888,
        "more": 0,
        "n": 5,
        "netns": 4026531833,
        "pid": 1200,
        "proto": "tcp",
        "raddr": "10.0.0.7",
        "rport": 20000,
      }
    `);
  });

  it('keeps within 80 columns', async () => {
    for (const text of ['255.255.255.255:1-65535', '255.255.255.255:65530-65535'])
      for (const line of formatPrediction(await askedOf(64, text), 'lines'))
        expect(line.length).toBeLessThanOrEqual(80);
  });
});
