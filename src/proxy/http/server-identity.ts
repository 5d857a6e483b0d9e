/** Whether a backend's certificate is the one we want: by the name we asked for, or by the alternative names that are given. */
import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import type { SubjectAltName } from '../../contract/gateway-config.ts';

export interface WantedIdentity {
  readonly serverName: string;
  /** One of these must be in the certificate; then the server name does not count (Gateway API, BackendTLSPolicy). */
  readonly subjectAltNames?: readonly SubjectAltName[];
}

/** Undefined where it is. The chain has been verified before. */
export function checkIdentity(wanted: WantedIdentity, certificate: tls.PeerCertificate): Error | undefined {
  const { serverName, subjectAltNames } = wanted;
  if (subjectAltNames === undefined) return tls.checkServerIdentity(serverName, certificate);
  const parsed = new X509Certificate(certificate.raw);
  const uris = new Set(urisOf(parsed.subjectAltName ?? ''));
  const isWanted = subjectAltNames.some(({ type, value }) =>
    // The common name is no alternative name, so it does not count.
    type === 'URI' ? uris.has(value) : parsed.checkHost(value, { subject: 'never' }) !== undefined,
  );
  return isWanted ? undefined : new UnexpectedIdentity(parsed.subjectAltName);
}

/** With the code of Node's own check, so that both are told alike. */
class UnexpectedIdentity extends Error {
  readonly code = 'ERR_TLS_CERT_ALTNAME_INVALID';

  constructor(found: string | undefined) {
    super(`the certificate has none of the wanted names: ${found ?? 'no alternative name at all'}`);
  }
}

/** Node writes `DNS:a, URI:b`, and in JSON quotes whatever could be taken for more than one entry. */
function urisOf(text: string): readonly string[] {
  const uris: string[] = [];
  for (const [, type, value] of text.matchAll(/([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/gy)) {
    if (type === 'URI' && value !== undefined) uris.push(value.startsWith('"') ? String(JSON.parse(value)) : value);
  }
  return uris;
}
