/** Makes the TLS contexts of certificates, each once while its certificate stays the same. Knows no listeners. */
import { constants, createHmac } from 'node:crypto';
import tls from 'node:tls';
import type { CertificateConfig, ClientValidation } from '../../contract/gateway-config.ts';

/** What is the same for every certificate (reliability: TLS 1.2 and up, forward secrecy, no renegotiation). */
const policy = {
  minVersion: 'TLSv1.2',
  ciphers: [
    // AES-128 first: its SHA-256 key schedule makes a handshake cheaper than SHA-384 does, at no loss that matters.
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  honorCipherOrder: true,
  // A client without AES in hardware lists ChaCha20 first, and gets it.
  secureOptions: constants.SSL_OP_PRIORITIZE_CHACHA | constants.SSL_OP_NO_RENEGOTIATION,
} satisfies tls.SecureContextOptions;

/** A certificate as it is served: with what clients have to show. */
export interface ServedCertificate {
  readonly certificate: CertificateConfig;
  readonly validation?: ClientValidation | undefined;
}

/** The options of one certificate's context. Throws what OpenSSL says about an unusable one. */
export function contextOptions(
  { certificate, validation }: ServedCertificate,
  ticketKeys: Buffer,
): tls.SecureContextOptions {
  return {
    ...policy,
    // Without a CA of its own each context would load all of the system's.
    ca: validation ? validation.ca : [],
    cert: certificate.certificate,
    key: certificate.key,
    ...sessionOptions(validation, ticketKeys),
  };
}

/**
 * A session must not be taken up where other clients are let in: it would skip the check of the certificate. So each
 * validation has ticket keys of its own, the same in all workers.
 */
function sessionOptions(validation: ClientValidation | undefined, ticketKeys: Buffer): tls.SecureContextOptions {
  if (!validation) return { ticketKeys };
  const digest = createHmac('sha512', ticketKeys).update(`${validation.mode} ${validation.ca}`).digest();
  return { ticketKeys: digest.subarray(0, 48), sessionIdContext: digest.subarray(48).toString('hex') };
}

/** A context and what it was made of. */
export interface NamedContext extends ServedCertificate {
  readonly context: tls.SecureContext;
}

export type ContextResult = { readonly named: NamedContext } | { readonly problem: string };

/** Contexts by the identity of their configuration: an unchanged certificate keeps its context over any other change. */
export class SecureContexts {
  readonly #byCertificate = new WeakMap<CertificateConfig, Map<string, ContextResult>>();
  readonly #ticketKeys: Buffer;

  /** `ticketKeys`: 48 random bytes, the same in all workers, so that a session resumes in any of them. */
  constructor(ticketKeys: Buffer) {
    this.#ticketKeys = ticketKeys;
  }

  get(served: ServedCertificate): ContextResult {
    const { certificate, validation } = served;
    const results = this.#byCertificate.get(certificate) ?? new Map<string, ContextResult>();
    this.#byCertificate.set(certificate, results);
    const name = validation ? `${validation.mode} ${validation.ca}` : '';
    let result = results.get(name);
    if (result === undefined) {
      result = this.#create(served);
      results.set(name, result);
    }
    return result;
  }

  #create(served: ServedCertificate): ContextResult {
    try {
      const context = tls.createSecureContext(contextOptions(served, this.#ticketKeys));
      return { named: { ...served, context } };
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  }
}
