/** How a connection that was carried as bytes, or refused, is written to the access log. */
import type { FinishedTcp, RefusedTcp } from '../tcp/tcp-observer.ts';
import { ownerOf, type PortOwner } from './port-owner.ts';
import type { RequestNames } from './request-series.ts';

/** A connection as the access log takes it. */
export interface LoggedTcp {
  readonly connection: FinishedTcp;
  readonly names: RequestNames;
  readonly reason: string;
  readonly durationMs: number;
}

/** A line of JSON. `time` is ISO 8601. */
export function tcpJson({ connection, names, reason, durationMs }: LoggedTcp, time: string): string {
  const { endpoint, clientAddress: client, clientPort, serverName, requestBytes, responseBytes, listener } = connection;
  const { protocol } = listener.config;
  const peers = { endpoint, client, clientPort, protocol, serverName };
  return `${JSON.stringify({ time, ...names, ...peers, reason, requestBytes, responseBytes, durationMs })}\n`;
}

export function tcpText({ connection, names, reason, durationMs }: LoggedTcp, time: string): string {
  const { clientAddress, serverName, requestBytes, responseBytes, endpoint, listener } = connection;
  const { gateway, listener: section, route, rule, backend } = names;
  return (
    `${time} ${clientAddress} ${listener.config.protocol}${serverName && ` ${serverName}`} ${reason} ` +
    `${requestBytes}/${responseBytes}B ${durationMs}ms ${gateway}/${section} ${route}/${rule} ${backend} ${endpoint}\n`
  );
}

export function refusedJson(refused: RefusedTcp, time: string): string {
  const { clientAddress: client, clientPort, port, serverName, reason } = refused;
  const protocol = protocolOf(refused);
  return `${JSON.stringify({ time, ...ownerOfRefused(refused), client, clientPort, port, protocol, serverName, reason, rejected: true })}\n`;
}

export function refusedText(refused: RefusedTcp, time: string): string {
  const { clientAddress, port, serverName, reason } = refused;
  const { gateway, listener } = ownerOfRefused(refused);
  const name = serverName && ` ${serverName}`;
  return `${time} ${clientAddress} ${protocolOf(refused)}${name} rejected ${reason} port ${port} ${gateway || '-'}/${listener || '-'}\n`;
}

function ownerOfRefused({ listeners, listener }: RefusedTcp): PortOwner {
  return listener === null ? ownerOf(listeners) : ownerOf([listener]);
}

/** All listeners of a port with TLS have it. */
function protocolOf({ listeners }: RefusedTcp): 'TCP' | 'TLS' {
  return listeners.some(({ config }) => config.protocol === 'TCP') ? 'TCP' : 'TLS';
}
