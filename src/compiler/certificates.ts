/** TLS certificates from Secrets, each checked before a proxy sees it. Reads no clock: an expired certificate is the proxy's news. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import type { CertificateConfig } from '../contract/gateway-config.ts';
import type { Problem } from '../contract/problem.ts';
import type { Secret } from './resource-types.ts';

type CheckedCertificate = { readonly config: CertificateConfig } | { readonly problem: Problem };

const checked = new WeakMap<Secret, CheckedCertificate>();

/** The certificate in a Secret of type kubernetes.io/tls, or `InvalidCertificateRef` with what is wrong with it. Remembered by Secret. */
export function checkCertificate(secret: Secret): CheckedCertificate {
  const known = checked.get(secret);
  if (known) return known;
  const result = check(secret);
  checked.set(secret, result);
  return result;
}

function check(secret: Secret): CheckedCertificate {
  const name = `Secret ${secret.metadata.namespace}/${secret.metadata.name}`;
  const certificate = textOf(secret, 'tls.crt');
  const key = textOf(secret, 'tls.key');
  if (!certificate || !key) {
    const missing = [certificate ? '' : 'tls.crt', key ? '' : 'tls.key'].filter((field) => field !== '').join(' and ');
    return invalid(`${name} has no ${missing}: create it with kubectl create secret tls, or fill in data`);
  }
  const chain = parseChain(certificate);
  const leaf = chain?.[0];
  if (!chain || !leaf)
    return invalid(
      `tls.crt of ${name} is not a PEM certificate, or its base64 is broken: create the Secret anew with kubectl create secret tls`,
    );
  const privateKey = parseKey(key);
  if (!privateKey)
    return invalid(
      `tls.key of ${name} is not an unencrypted PEM private key: decrypt it first (openssl pkey -in … -out …)`,
    );
  if (!leaf.checkPrivateKey(privateKey)) {
    const isMisordered = chain.some((other) => other.checkPrivateKey(privateKey));
    const hint = isMisordered
      ? 'put its certificate first in tls.crt'
      : 'tls.crt and tls.key must come from the same pair';
    return invalid(`the key of ${name} does not fit its certificate (${leaf.subject.replaceAll('\n', ', ')}): ${hint}`);
  }
  const origin = { kind: 'Secret', namespace: secret.metadata.namespace, name: secret.metadata.name };
  const notAfterMs = Date.parse(leaf.validTo);
  return { config: { origin, certificate, key, names: namesOf(leaf), notAfterMs } };
}

function invalid(message: string): CheckedCertificate {
  return { problem: { reason: 'InvalidCertificateRef', message } };
}

function textOf(secret: Secret, field: string): string {
  return Buffer.from(secret.data?.[field] ?? '', 'base64').toString('latin1');
}

/** Every certificate of the PEM text, or null if one of them cannot be read. */
function parseChain(pem: string): readonly X509Certificate[] | null {
  const blocks =
    pem.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return null;
  }
}

function parseKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

/** DNS names of the subject alternative names; the common name only where there are none, as old certificates have it. */
function namesOf(leaf: X509Certificate): readonly string[] {
  const alternatives = (leaf.subjectAltName ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith('DNS:'))
    .map((entry) => entry.slice(4).toLowerCase());
  if (alternatives.length > 0) return alternatives;
  const commonName = /^CN=(.+)$/m.exec(leaf.subject)?.[1];
  return commonName === undefined ? [] : [commonName.toLowerCase()];
}
