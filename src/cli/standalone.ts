/** Headgate in one process: files in, proxy workers out, wired together. What happens is told only through the events. */
import { createChannel } from '../channel/in-process.ts';
import { Controller } from '../controller/controller.ts';
import { mapServices, mappedEndpoints, type MappedBackend } from '../controller/mapped-backends.ts';
import type { ControllerEvent, ControllerView } from '../controller/parts.ts';
import { Workers } from '../infrastructure/workers.ts';
import { MetricsHub } from '../proxy/observe/metrics-hub.ts';

export interface StandaloneOptions {
  readonly paths: readonly string[];
  readonly workers: number;
  /** What Gateways without `spec.addresses` listen on. */
  readonly defaultAddresses: readonly string[];
  readonly backends: readonly MappedBackend[];
  readonly accessLog: 'off' | 'text' | 'json';
  onEvent(event: ControllerEvent): void;
  /** Something a person should see, such as a worker that is being replaced. */
  onTrouble(message: string): void;
}
