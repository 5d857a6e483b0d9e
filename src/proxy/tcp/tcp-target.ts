/** How an endpoint is connected to for bytes: in the clear, or over TLS as its backend asks. */
import type { Endpoint } from '../../contract/endpoints.ts';
import type { BackendConfig, ListenerConfig } from '../../contract/gateway-config.ts';
import type { ConnectTarget } from '../http/socket-io.ts';

export function targetOf(backend: BackendConfig, { address, port }: Endpoint, listener: ListenerConfig): ConnectTarget {
  // What passes through is TLS already, from the client: it is not wrapped again (TLSRoute, BackendTLSPolicy).
  const isPassed = listener.tls?.mode === 'Passthrough';
  if (backend.protocol !== 'tcp-tls' || isPassed) return { host: address, port };
  // Without settings of its own the endpoint has to prove its own name.
  const { clientCertificate } = listener;
  const settings = backend.tls ?? { serverName: address };
  // Which protocol the bytes are nobody knows here, so none is offered.
  return { host: address, port, tls: { ...settings, ...(clientCertificate && { clientCertificate }), protocols: [] } };
}
