/** Every metric there is: name, type, help text and, for histograms, bounds. The only place where metrics are named. */

export interface MetricFamily {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Upper bounds, ascending; the bucket without a bound is added. */
  readonly bounds?: readonly number[];
}

/** Seconds: from a local answer to a long poll. */
const durations = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export const metricFamilies = {
  headgate_requests_total: {
    type: 'counter',
    help: 'Requests that were answered, or whose client went away (code 0).',
  },
  headgate_request_duration_seconds: {
    type: 'histogram',
    help: 'From the head of a request to the end of its response.',
    bounds: durations,
  },
  headgate_request_bytes_total: { type: 'counter', help: 'Bytes of request bodies.' },
  headgate_response_bytes_total: { type: 'counter', help: 'Bytes of response bodies.' },
  headgate_upstream_errors_total: { type: 'counter', help: 'Tries at a backend that failed, by kind.' },
  headgate_retries_total: { type: 'counter', help: 'Tries at a backend after the first one of a request.' },
  headgate_rejected_requests_total: {
    type: 'counter',
    help: 'Requests that were refused before routing, by reason: bad grammar, limits, time-outs.',
  },
  headgate_rejected_connections_total: {
    type: 'counter',
    help: 'Connections that were refused or failed in the TLS handshake, by reason.',
  },
  headgate_connections: { type: 'gauge', help: 'Open client connections.' },
  headgate_config_version: { type: 'gauge', help: 'The configuration version each worker serves.' },
  headgate_certificate_expiry_timestamp_seconds: {
    type: 'gauge',
    help: 'When a certificate in use ends, in seconds since the epoch.',
  },
  headgate_access_log_dropped_total: { type: 'counter', help: 'Access log lines that nobody took in time.' },
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
