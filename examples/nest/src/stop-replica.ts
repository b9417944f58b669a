import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { RunReplica } from './run-replica.js';

/** Stops the replica where Nest 11 and 12 come first in a shutdown: in the module that the host imports. */
@Injectable()
export class StopReplica implements OnModuleDestroy {
  constructor(@Inject(RunReplica) private readonly replica: RunReplica) {}

  onModuleDestroy(): Promise<void> {
    return this.replica.stop();
  }
}
