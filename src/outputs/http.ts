// A small HTTP server for scrapers: GET and HEAD of a few pages, and bounds for clients that are slow, many, or hostile.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export type Page = {
  readonly status: 200 | 503;
  readonly type: string;
  /** Sent as UTF-8: half a surrogate pair becomes U+FFFD. */
  readonly text: string;
};

/** Pages by path. */
export type Pages = Readonly<Record<string, () => Page | Promise<Page>>>;

export type HttpServer = {
  /** The port that was taken, which the kernel chose when 0 was asked for. */
  readonly port: number;
  /** Ends what is under way and gives the port back. */
  readonly close: () => void;
};

/** Scrapers are a handful, and each keeps one connection. */
const MOST_CONNECTIONS = 64;
const HEADER_BYTES = 8192;
/** A request has no body worth waiting for. */
const REQUEST_MS = 5000;
/** Between two requests: a scraper that asks every 15 s, and Prometheus' default of a minute, keep their connection. */
const KEEP_ALIVE_MS = 75_000;
/** Longest that one answer may take to be read: no scraper waits as long (scrape_timeout is 10 s). */
const ANSWER_MS = 30_000;
/** A page is made anew this often at most: who asks more often, or many at once, gets the same one. */
const PAGE_MS = 250;

/** Listens on the address. Rejects with the error of listen(), such as EADDRINUSE. */
export const openHttp = (host: string, port: number, pages: Pages): Promise<HttpServer> => {
  const cached = new Map(Object.entries(pages).map(([path, make]) => [path, remember(make)]));
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (request, response) => void answer(request, response, cached),
  );
  server.maxConnections = MOST_CONNECTIONS;
  // An idle socket, such as one that never reads, is closed even where no answer is under way.
  server.timeout = KEEP_ALIVE_MS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve({ port: portOf(server), close: () => closeAll(server) });
    });
  });
};

type Made = { readonly page: Page; readonly body: Buffer };

const answer = async (
  request: IncomingMessage,
  response: ServerResponse,
  pages: ReadonlyMap<string, () => Promise<Made>>,
): Promise<void> => {
  const timer = setTimeout(() => response.destroy(), ANSWER_MS);
  response.on('close', () => clearTimeout(timer));
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    // The rest of such a request is not read: the connection goes with the answer.
    return send(response, 405, { allow: 'GET, HEAD', connection: 'close' }, PLAIN, 'GET or HEAD\n');
  }
  const [path = '/'] = (request.url ?? '/').split('?', 1);
  const make = pages.get(path);
  if (make === undefined) return send(response, 404, {}, PLAIN, 'not found\n');
  const { page, body } = await make();
  send(response, page.status, {}, page.type, body);
};

const PLAIN = 'text/plain; charset=utf-8';

const send = (
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  type: string,
  body: string | Buffer,
): void => {
  response.writeHead(status, {
    ...headers,
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
};

/** All who read a page slowly hold the same bytes. */
const remember = (make: () => Page | Promise<Page>): (() => Promise<Made>) => {
  let made: Promise<Made> | null = null;
  let madeMs = 0;
  return () => {
    if (made === null || performance.now() - madeMs >= PAGE_MS) {
      madeMs = performance.now();
      made = (async () => {
        const page = await make();
        return { page, body: Buffer.from(page.text) };
      })();
    }
    return made;
  };
};

const portOf = (server: Server): number => {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

const closeAll = (server: Server): void => {
  server.close();
  server.closeAllConnections();
};
