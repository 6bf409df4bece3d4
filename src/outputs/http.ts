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

/** Bounds, in milliseconds and connections. */
export type Limits = {
  /** Connections at once: scrapers are a handful, and each keeps one. */
  readonly connections: number;
  /** For the whole request, which has no body worth waiting for. */
  readonly requestMs: number;
  /** Between two requests on a connection: Prometheus asks once a minute if nobody says otherwise. */
  readonly keepAliveMs: number;
  /** For an answer to be read: no scraper waits as long (scrape_timeout is 10 s). */
  readonly answerMs: number;
  /** A page is made anew this often at most: who asks more often, or many at once, gets the same one. */
  readonly pageMs: number;
};

const LIMITS: Limits = {
  connections: 64,
  requestMs: 5000,
  keepAliveMs: 75_000,
  answerMs: 30_000,
  pageMs: 250,
};
const HEADER_BYTES = 8192;

/** Listens on the address. Rejects with the error of listen(), such as EADDRINUSE. */
export const openHttp = (host: string, port: number, pages: Pages, limits = LIMITS): Promise<HttpServer> => {
  const { connections, requestMs, keepAliveMs, answerMs, pageMs } = limits;
  const cached = new Map(Object.entries(pages).map(([path, make]) => [path, remember(make, pageMs)]));
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: Math.min(requestMs, 1000),
      keepAliveTimeout: keepAliveMs,
    },
    (request, response) => {
      const { socket } = request;
      // An answer that waits behind others of its connection is not told when that ends: nothing may wait for its timer.
      const timer = setTimeout(() => socket.destroy(), answerMs).unref();
      response.on('close', () => clearTimeout(timer));
      void answer(request, response, cached);
    },
  );
  server.maxConnections = connections;
  // What has been answered, and lies unread in the socket, goes with the connection.
  server.timeout = keepAliveMs;
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
const remember = (make: () => Page | Promise<Page>, pageMs: number): (() => Promise<Made>) => {
  let made: Promise<Made> | null = null;
  let madeMs = 0;
  return () => {
    if (made === null || performance.now() - madeMs >= pageMs) {
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
