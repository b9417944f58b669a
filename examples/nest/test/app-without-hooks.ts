import { ConsoleLogger } from '@nestjs/common';
import { createMemoryStore } from '@wa-sync/core';
import { WaSyncModule } from '../src/index.js';
import { startNest } from './start-nest.js';

const waSync = WaSyncModule.forRoot({ store: createMemoryStore(), routes: false });
await startNest({ imports: [waSync] }, { logger: new ConsoleLogger() });
