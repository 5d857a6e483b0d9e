/** How a UDP session that is over is written to the access log. */
import type { FinishedSession } from '../udp/udp-observer.ts';
import type { RequestNames } from './request-series.ts';

/** A session as the access log takes it. */
export interface LoggedSession {
  readonly session: FinishedSession;
  readonly names: RequestNames;
  readonly reason: string;
  readonly durationMs: number;
}

/** A line of JSON. `time` is ISO 8601. */
export function sessionJson({ session, names, reason, durationMs }: LoggedSession, time: string): string {
  const { endpoint, clientAddress, requestDatagrams, responseDatagrams, requestBytes, responseBytes } = session;
  const counts = { requestDatagrams, responseDatagrams, requestBytes, responseBytes, durationMs };
  const peers = { endpoint: endpoint.name, client: clientAddress, clientPort: session.clientPort };
  return `${JSON.stringify({ time, ...names, ...peers, protocol: 'UDP', reason, ...counts })}\n`;
}

export function sessionText({ session, names, reason, durationMs }: LoggedSession, time: string): string {
  const { clientAddress, requestDatagrams, responseDatagrams, requestBytes, responseBytes } = session;
  const { gateway, listener, route, rule, backend } = names;
  return (
    `${time} ${clientAddress} UDP ${reason} ${requestDatagrams}/${responseDatagrams} datagrams ${requestBytes}/${responseBytes}B ` +
    `${durationMs}ms ${gateway}/${listener} ${route}/${rule} ${backend} ${session.endpoint.name}\n`
  );
}
