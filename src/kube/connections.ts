/** The connections to the API server: HTTP/1.1 through one agent, by TLS and through a proxy as the access says. Knows no API. */
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import type { ClusterAccess, Identity } from './access.ts';

/** An import would load a second HTTP client, Node's own, for the sake of its names. */
const { request: httpRequest } = process.getBuiltinModule('node:http');

/** With the largest delay between attempts this bounds how late one sees that a server is back. */
const connectTimeoutMs = 5000;

export interface Connections {
  /** Connections are kept and shared as long as the identity has the same certificate. */
  dispatcherFor(identity: Identity): Dispatcher;
  /** Ends all, also those in use. */
  close(): Promise<void>;
}

export function createConnections(access: ClusterAccess): Connections {
  let agent: Agent | undefined;
  let made = '';
  const agents = new Set<Agent>();
  return {
    dispatcherFor(identity) {
      const authority = access.authority();
      const material = [authority, identity.certificate, identity.key].join('\0');
      if (agent && material === made) return agent;
      // What runs on the old ones (a watch lives for minutes) may end by itself.
      if (agent) void retire(agent, agents);
      made = material;
      agent = createAgent(access, { authority, identity });
      agents.add(agent);
      return agent;
    },
    async close() {
      await Promise.all([...agents].map((one) => one.destroy()));
    },
  };
}

async function retire(agent: Agent, agents: Set<Agent>): Promise<void> {
  await agent.close().catch(() => {});
  agents.delete(agent);
}

function createAgent(
  access: ClusterAccess,
  { authority, identity }: { authority: string | undefined; identity: Identity },
): Agent {
  const connect = buildConnector({
    // HTTP/2 sessions that the server ends with GOAWAY, as the API server does on purpose, are not to be relied on.
    allowH2: false,
    timeout: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelay: 15_000,
    rejectUnauthorized: access.isServerVerified,
    ...(authority !== undefined && { ca: authority }),
    ...(identity.certificate && identity.key && { cert: identity.certificate, key: identity.key }),
    ...(access.serverName && { servername: access.serverName }),
  });
  return new Agent({
    allowH2: false,
    keepAliveTimeout: 30_000,
    connect: access.proxyUrl ? throughProxy(access.proxyUrl, connect) : connect,
  });
}

/** A tunnel by CONNECT (RFC 9110 §9.3.6), and TLS to the API server inside it. */
function throughProxy(proxyUrl: string, connect: buildConnector.connector): buildConnector.connector {
  const proxy = new URL(proxyUrl);
  return (options, callback) => {
    const authority = `${options.hostname}:${options.port || (options.protocol === 'https:' ? 443 : 80)}`;
    const open = proxy.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = open(proxy, {
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...authorizationOf(proxy) },
      timeout: connectTimeoutMs,
      agent: false,
    });
    const fail = (message: string): void => callback(new Error(`proxy ${proxy.host}: ${message}`), null);
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', ({ message }) => fail(message));
    request.on('response', ({ statusCode }) => {
      request.destroy();
      fail(`refused the tunnel with status ${statusCode}`);
    });
    request.on('connect', ({ statusCode = 0 }, socket: Socket) => {
      if (statusCode !== 200) {
        socket.destroy();
        return fail(`refused the tunnel with status ${statusCode}`);
      }
      if (options.protocol === 'https:') connect({ ...options, httpSocket: socket }, callback);
      else callback(null, socket);
    });
    request.end();
  };
}

function authorizationOf({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
