import { expect, it } from 'vitest';
import type { Event } from '../../../../../src/core/event.js';
import { attached, ended } from '../../../events.js';
import { said } from './said.js';

it.each<[string, Event[], string[]]>([
  [
    'bpftrace that died',
    [attached(1), ended(2, 'bpftrace ended (SIGKILL)\nits last words')],
    ['x bpftrace ended (SIGKILL): the numbers are frozen'],
  ],
  ['one that was asked to end', [attached(1), ended(2, '')], []],
  ['one that is back', [attached(1), ended(2), attached(3)], []],
])('%s', (_, events, expected) => expect(said('ended', events)).toEqual(expected));
