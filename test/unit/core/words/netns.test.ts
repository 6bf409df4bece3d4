import { expect, it } from 'vitest';
import type { Event } from '../../../../src/core/event.js';
import { netnsName } from '../../../../src/core/words/netns.js';
import { meta, NETNS, stateOf } from '../../events.js';

it.each<[string, [number, string][], number, string]>([
  ['the tool itself runs in', [], NETNS, 'host'],
  ['the tool itself runs in, whatever else it is called', [[NETNS, 'root']], NETNS, 'host'],
  ['has a name', [[7, 'blue']], 7, 'blue'],
  ['has none', [[7, 'blue']], 8, '8'],
  ['calls itself the host', [[7, 'host']], 7, '7'],
  ['calls itself as another inode', [[7, '8']], 7, '7'],
  ['calls itself nothing', [[7, '']], 7, '7'],
  ['would move a cursor', [[7, 'blue\u001b[2J']], 7, 'blue?[2J'],
  [
    'lost its name to another',
    [
      [7, 'blue'],
      [8, 'blue'],
    ],
    7,
    '7',
  ],
  [
    'has the name of another once that is clean',
    [
      [7, 'blue\u0001'],
      [8, 'blue\u0002'],
    ],
    7,
    '7',
  ],
])('a namespace that %s', (_, names, netns, expected) => {
  const events = names.map(([id, name]): Event => ({ kind: 'netns', tsNs: 0, netns: id, name }));
  expect(netnsName(stateOf([meta(), ...events]), netns)).toBe(expected);
});
