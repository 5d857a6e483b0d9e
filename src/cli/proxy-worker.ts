/** Entry of a proxy worker thread: the one place where the proxy and the list of filters meet. */
import { parentPort, workerData } from 'node:worker_threads';
import { filterDefinitions } from '../filters/index.ts';
import { runWorker, type WorkerData } from '../proxy/worker.ts';

if (parentPort === null) throw new Error('proxy-worker.ts runs in a worker thread only');
runWorker(parentPort, workerData as WorkerData, filterDefinitions);
