// Opens a connection from a given port and sees in the run which member got it, and how long it waited for accept().
import type { Event } from '../core/event.js';
import type { LoggedPick, State } from '../core/state/state.js';
import { foldMapped } from '../core/text/endpoint.js';
import { openConnection } from './connection.js';
import type { Route } from './route.js';

export type Landing = {
  readonly sourcePort: number;
  /** Why there was no connection, such as EADDRINUSE; null = there was. */
  readonly problem: string | null;
  /** Its pick, and what became of it; null = it was not shown. */
  readonly logged: LoggedPick | null;
};

export type Lander = {
  /** To be given every event after State has taken it. */
  readonly take: (state: State, event: Event) => void;
  /** One at a time. */
  readonly land: (route: Route, sourcePort: number) => Promise<Landing>;
};

/** An accept() that has not come by then is told as that. */
const PATIENCE_MS = 3000;

export const createLander = (): Lander => {
  let isOurs: (pick: LoggedPick['pick']) => boolean = () => false;
  let logged: LoggedPick | null = null;
  let onSeen: () => void = () => undefined;
  return {
    take: (state, event) => {
      if (event.kind === 'pick' && isOurs(event)) {
        const item = state.picks.items.findLast((entry) => entry.kind === 'pick' && entry.pick === event);
        if (item?.kind === 'pick') logged = item;
      }
      if (logged !== null && (logged.acceptedBy !== null || logged.failure !== null)) onSeen();
    },
    land: async (route, sourcePort) => {
      logged = null;
      isOurs = (pick) =>
        pick.rport === sourcePort && pick.lport === route.port && foldMapped(pick.raddr) === route.from;
      const seen = new Promise<void>((resolve) => {
        onSeen = resolve;
      });
      const { problem, close } = openConnection(route, sourcePort);
      try {
        const why = await problem;
        if (why !== null) return { sourcePort, problem: why, logged };
        let timer: NodeJS.Timeout | undefined;
        const late = new Promise<void>((resolve) => {
          timer = setTimeout(resolve, PATIENCE_MS);
        });
        await Promise.race([seen, late]);
        clearTimeout(timer);
        return { sourcePort, problem: null, logged };
      } finally {
        close();
      }
    },
  };
};
