/**
 * Tells the backend who asked: X-Forwarded-For, -Proto, -Host and X-Real-IP, and `Forwarded` (RFC 7239) where wanted.
 * At an edge the client's own claims are worth nothing, so they are replaced. Fields are made once a connection.
 */
import { Field, type FieldList } from './http/fields.ts';
import type { ConnectionInfo } from './http/streams.ts';

export interface ClientIdentityOptions {
  /** Adds `Forwarded` as well. */
  readonly emitsForwarded: boolean;
}

const protoHttp = new Field('x-forwarded-proto', 'http', 'X-Forwarded-Proto: http\r\n');
const protoHttps = new Field('x-forwarded-proto', 'https', 'X-Forwarded-Proto: https\r\n');

/** The fields of one connection. The host is that of the last request: nearly always that of the next as well. */
interface Identity {
  readonly forwardedFor: Field;
  readonly realIp: Field;
  readonly proto: Field;
  readonly scheme: 'http' | 'https';
  authority: string;
  host: Field;
  forwarded: Field | null;
}

/** Replaces what `headers` says about the client by what we know. `authority` is the Host as the client sent it. */
export type IdentifyClient = (headers: FieldList, connection: ConnectionInfo, authority: string) => void;

export function createClientIdentity({ emitsForwarded }: ClientIdentityOptions): IdentifyClient {
  return (headers, connection, authority) => {
    const identity = (connection.identity as Identity | undefined) ?? createIdentity(connection);
    headers.removeForwarded();
    headers.append(identity.forwardedFor);
    headers.append(identity.proto);
    headers.append(identity.realIp);
    if (authority !== '') {
      if (authority !== identity.authority) setAuthority(identity, authority);
      headers.append(identity.host);
    }
    if (emitsForwarded) headers.append((identity.forwarded ??= forwardedField(connection, identity)));
  };
}

function setAuthority(identity: Identity, authority: string): void {
  identity.authority = authority;
  identity.host = new Field('x-forwarded-host', authority, `X-Forwarded-Host: ${authority}\r\n`);
  identity.forwarded = null;
}

function createIdentity(connection: ConnectionInfo): Identity {
  const address = plainAddress(connection.remoteAddress);
  const identity: Identity = {
    forwardedFor: new Field('x-forwarded-for', address, `X-Forwarded-For: ${address}\r\n`),
    realIp: new Field('x-real-ip', address, `X-Real-IP: ${address}\r\n`),
    proto: connection.isTls ? protoHttps : protoHttp,
    scheme: connection.isTls ? 'https' : 'http',
    authority: '',
    host: new Field('x-forwarded-host', ''),
    forwarded: null,
  };
  connection.identity = identity;
  return identity;
}

/** The IPv4 address of a client that came to a dual-stack socket (`::ffff:192.0.2.1`); others as they are. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** RFC 7239 §4: IPv6 and hosts with a port are quoted. */
function forwardedField(connection: ConnectionInfo, identity: Identity): Field {
  const address = plainAddress(connection.remoteAddress);
  const node = address.includes(':') ? `"[${address}]"` : address;
  const { authority, scheme } = identity;
  const host = /^[A-Za-z0-9.-]+$/.test(authority) ? authority : `"${authority}"`;
  const value = authority === '' ? `for=${node};proto=${scheme}` : `for=${node};host=${host};proto=${scheme}`;
  return new Field('forwarded', value, `Forwarded: ${value}\r\n`);
}
