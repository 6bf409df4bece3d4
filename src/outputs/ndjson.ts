// Prints every event as a JSON line, findings as they are raised and cleared, and at the end what each member and the whole run came to.

import type { Writable } from 'node:stream';
import type { Event } from '../core/event.js';
import { findingNews } from '../core/findings/diagnosis.js';
import { concerns, type State } from '../core/state/state.js';
import { formatEvent, toJson } from '../core/wire/json.js';
import { memberFacts, membersOf, summaryFacts } from '../members/facts.js';
import type { Output } from './output.js';
import { createWriter } from './writer.js';

export const createNdjson = (stream: Writable, onFailure: (error: NodeJS.ErrnoException) => void): Output => {
  const writer = createWriter(stream, onFailure);
  return {
    take: (state: State, event: Event) => {
      if (concerns(state, event)) writer.line(formatEvent(event));
      for (const news of findingNews(state)) writer.line(toJson(news));
    },
    // The reader may be behind: the closing objects are the contract and must come.
    end: (state: State) => {
      const members = membersOf(state).map((member) => memberFacts(member, state.rung));
      return writer.all([...members, summaryFacts(state)].map((each) => toJson(each)));
    },
    flush: writer.flush,
    dropped: writer.dropped,
  };
};
