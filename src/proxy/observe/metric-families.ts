/** Every metric there is: name, type, help text and, for histograms, bounds. The only place where metrics are named. */

export interface MetricFamily {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Every series has all of them; docs/metrics.md says what they mean. */
  readonly labels: readonly string[];
  /** Upper bounds, ascending; the bucket without a bound is added. */
  readonly bounds?: readonly number[];
}

const requestNames = ['gateway', 'listener', 'route', 'rule', 'backend'] as const;
const portNames = ['address', 'port', 'gateway', 'listener'] as const;

/** Seconds: from a local answer to a long poll. */
const durations = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export const metricFamilies = {
  headgate_requests_total: {
    type: 'counter',
    labels: [...requestNames, 'code'],
    help: 'Requests that were answered, or whose client went away (code 499).',
  },
  headgate_grpc_responses_total: {
    type: 'counter',
    labels: [...requestNames, 'grpc_status'],
    help: 'gRPC calls that ended with a status.',
  },
  headgate_request_duration_seconds: {
    type: 'histogram',
    labels: requestNames,
    help: 'From the head of a request to the end of its response.',
    bounds: durations,
  },
  headgate_request_bytes_total: { type: 'counter', labels: requestNames, help: 'Bytes of request bodies.' },
  headgate_response_bytes_total: { type: 'counter', labels: requestNames, help: 'Bytes of response bodies.' },
  headgate_requests_in_flight: {
    type: 'gauge',
    labels: requestNames,
    help: 'Requests for which a backend is chosen and that are not over; WebSockets and streams count as long as they last.',
  },
  headgate_upstream_errors_total: {
    type: 'counter',
    labels: [...requestNames, 'kind'],
    help: 'Requests of which a try at a backend failed, by the kind of the last failure.',
  },
  headgate_retries_total: {
    type: 'counter',
    labels: requestNames,
    help: 'Tries at a backend after the first one of a request.',
  },
  headgate_rejected_requests_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Requests that were refused before routing, by reason: bad grammar, limits, time-outs.',
  },
  headgate_rejected_connections_total: {
    type: 'counter',
    labels: ['address', 'port', 'reason'],
    help: 'Connections that were refused or failed in the TLS handshake, by reason.',
  },
  headgate_connections: { type: 'gauge', labels: portNames, help: 'Open client connections.' },
  headgate_upstream_connections: {
    type: 'gauge',
    labels: ['backend'],
    help: 'Connections to the endpoints of a backend: busy, idle and being set up.',
  },
  headgate_probed_endpoints: {
    type: 'gauge',
    labels: ['backend', 'state'],
    help: 'Endpoints of backends with a health check, by what their last probes say.',
  },
  headgate_tcp_connections: {
    type: 'gauge',
    labels: requestNames,
    help: 'Connections of TCPRoutes and TLSRoutes that are not over.',
  },
  headgate_tcp_connections_ended_total: {
    type: 'counter',
    labels: [...requestNames, 'reason'],
    help: 'Connections of TCPRoutes and TLSRoutes that are over, by what ended them.',
  },
  headgate_tcp_bytes_total: {
    type: 'counter',
    labels: [...requestNames, 'direction'],
    help: 'Bytes of those connections as they were received: with TLS, where it is not terminated here.',
  },
  headgate_udp_sessions: { type: 'gauge', labels: requestNames, help: 'UDP sessions that are not over.' },
  headgate_udp_sessions_ended_total: {
    type: 'counter',
    labels: [...requestNames, 'reason'],
    help: 'UDP sessions that are over, by what ended them.',
  },
  headgate_udp_datagrams_total: {
    type: 'counter',
    labels: [...requestNames, 'direction'],
    help: 'Datagrams of UDP sessions.',
  },
  headgate_udp_bytes_total: {
    type: 'counter',
    labels: [...requestNames, 'direction'],
    help: 'Bytes of those datagrams, without headers.',
  },
  headgate_udp_dropped_datagrams_total: {
    type: 'counter',
    labels: ['address', 'port', 'reason'],
    help: 'Datagrams that were thrown away, by reason: for want of a session, or because the kernel did not take them.',
  },
  headgate_config_version: {
    type: 'gauge',
    labels: ['worker'],
    help: 'The configuration version each worker serves.',
  },
  headgate_certificate_expiry_timestamp_seconds: {
    type: 'gauge',
    labels: ['namespace', 'secret'],
    help: 'When a certificate in use ends, in seconds since the epoch.',
  },
  headgate_access_log_dropped_total: {
    type: 'counter',
    labels: ['at'],
    help: 'Access log lines that nobody took in time.',
  },
} as const satisfies Record<string, MetricFamily>;

export type MetricName = keyof typeof metricFamilies;
export type Labels = Readonly<Record<string, string | number>>;

/** How many cells one series of a family takes: a histogram has one for each bucket, and the sum. */
export function cellsOf(name: MetricName): number {
  const bounds = boundsOf(name);
  return bounds === undefined ? 1 : bounds.length + 2;
}

export function boundsOf(name: MetricName): readonly number[] | undefined {
  const family: MetricFamily = metricFamilies[name];
  return family.bounds;
}
