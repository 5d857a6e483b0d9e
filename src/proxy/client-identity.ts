/**
 * Tells the backend who asked: X-Forwarded-For, -Proto, -Host and X-Real-IP, and `Forwarded` (RFC 7239) where wanted.
 * At an edge the client's own claims are worth nothing, so they are replaced. Fields are made once a connection.
 */
import { Field, type FieldList } from './http/fields.ts';
import { HeadCache } from './http/head-cache.ts';
import type { ConnectionInfo } from './http/streams.ts';

export interface ClientIdentityOptions {
  /** Adds `Forwarded` as well. */
  readonly emitsForwarded: boolean;
}

const protoHttp = new Field('x-forwarded-proto', 'http', 'X-Forwarded-Proto: http\r\n');
const protoHttps = new Field('x-forwarded-proto', 'https', 'X-Forwarded-Proto: https\r\n');

/** The fields of one connection. The authority is that of the last request: nearly always that of the next as well. */
interface Identity {
  /** The same for all requests of the connection, and its lines. */
  readonly fixed: readonly Field[];
  readonly fixedText: string;
  authority: string;
  fields: readonly Field[];
  /** Their lines. */
  text: string;
}

/** Replaces what `headers` says about the client by what we know. `authority` is the Host as the client sent it. */
export type IdentifyClient = (headers: FieldList, connection: ConnectionInfo, authority: string) => void;

export function createClientIdentity({ emitsForwarded }: ClientIdentityOptions): IdentifyClient {
  function setAuthority(identity: Identity, connection: ConnectionInfo, authority: string): void {
    const more: Field[] = authority === '' ? [] : [hostField(authority)];
    if (emitsForwarded) more.push(forwardedField(connection, authority));
    identity.authority = authority;
    identity.fields = identity.fixed.concat(more);
    identity.text = identity.fixedText + linesOf(more);
  }

  return (headers, connection, authority) => {
    let identity = connection.identity as Identity | undefined;
    if (identity === undefined) {
      identity = createIdentity(connection);
      setAuthority(identity, connection, authority);
    } else if (authority !== identity.authority) setAuthority(identity, connection, authority);
    headers.removeForwarded();
    headers.appendAll(identity.fields, identity.text);
  };
}

function linesOf(fields: readonly Field[]): string {
  let text = '';
  for (const field of fields) text += field.line;
  return text;
}

const hosts = new HeadCache<Field>(1000);
const MAX_CACHED_HOST = 256;

/** A client that asks for several hosts over one connection alternates between few of them. */
function hostField(authority: string): Field {
  let field = hosts.get(authority);
  if (field === undefined) {
    field = new Field('x-forwarded-host', authority, `X-Forwarded-Host: ${authority}\r\n`);
    if (authority.length <= MAX_CACHED_HOST) hosts.set(authority, field);
  }
  return field;
}

function createIdentity(connection: ConnectionInfo): Identity {
  const address = plainAddress(connection.remoteAddress);
  const fixed = [
    new Field('x-forwarded-for', address, `X-Forwarded-For: ${address}\r\n`),
    connection.isTls ? protoHttps : protoHttp,
    new Field('x-real-ip', address, `X-Real-IP: ${address}\r\n`),
  ];
  const identity: Identity = { fixed, fixedText: linesOf(fixed), authority: '', fields: fixed, text: '' };
  connection.identity = identity;
  return identity;
}

/** The IPv4 address of a client that came to a dual-stack socket (`::ffff:192.0.2.1`); others as they are. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** RFC 7239 §4: IPv6 and hosts with a port are quoted. */
function forwardedField(connection: ConnectionInfo, authority: string): Field {
  const address = plainAddress(connection.remoteAddress);
  const node = address.includes(':') ? `"[${address}]"` : address;
  const scheme = connection.isTls ? 'https' : 'http';
  const host = /^[A-Za-z0-9.-]+$/.test(authority) ? authority : `"${authority}"`;
  const value = authority === '' ? `for=${node};proto=${scheme}` : `for=${node};host=${host};proto=${scheme}`;
  return new Field('forwarded', value, `Forwarded: ${value}\r\n`);
}
