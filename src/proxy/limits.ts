/** Every limit of the data plane with its default, in one place (sizes in bytes, times in milliseconds; 0 switches a time-out off). */

export const defaultLimits = {
  /** Request or response head: all of it, and the number of fields (split cookies counted). */
  headBytes: 60 * 1024,
  headFields: 100,
  requestLineBytes: 16 * 1024,
  chunkExtensionBytes: 4096,
  trailerBytes: 8 * 1024,
  /** From the first byte of a head to its end. */
  headTimeoutMs: 10_000,
  /** Between two requests of a kept-alive connection. */
  idleTimeoutMs: 75_000,
  requestsPerConnection: 10_000,
  /** No progress of a body, in either direction. */
  bodyIdleTimeoutMs: 60_000,
  tlsHandshakeTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
  upstreamIdleTimeoutMs: 60_000,
  upstreamIdleConnections: 256,
  /** What may wait for a slow peer, each way. */
  bufferBytes: 64 * 1024,
  connectionsPerListener: 10_000,
  /** Of a worker, over all UDP listeners. */
  udpSessions: 10_000,
  udpIdleTimeoutMs: 60_000,
  /** Nothing carried either way on a TCP connection. */
  tcpIdleTimeoutMs: 0,
  /** Bytes wait on a TCP connection, and nothing is taken either way. */
  tcpStallTimeoutMs: 600_000,
  informationalResponses: 100,
  /** A request that a filter makes to a backend of its own, such as an authorization server: time, and size of the answer's body. */
  filterCallTimeoutMs: 10_000,
  filterCallBytes: 64 * 1024,
  http2Streams: 100,
  /** As `requestsPerConnection`; one connection does the work of many. */
  http2RequestsPerConnection: 100_000,
  http2StreamWindow: 64 * 1024,
  http2ConnectionWindow: 1024 * 1024,
  http2Glitches: 1000,
  http2Continuations: 8,
  http2QueuedControlFrames: 1000,
  hpackTableBytes: 4096,
  /** To one endpoint, from one worker; beyond it requests wait. */
  http2ConnectionsPerEndpoint: 64,
  /** A backend that has requests and says nothing is asked whether it lives, and given up when it does not answer. */
  http2PingIntervalMs: 15_000,
  http2PingTimeoutMs: 10_000,
  /** Of all health checks of a process, at a time. */
  healthProbes: 64,
};

export type Limits = Readonly<typeof defaultLimits>;
