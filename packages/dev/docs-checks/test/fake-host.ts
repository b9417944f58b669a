import type { FakeWhatsApp } from '@wa-sync/fake-whatsapp';

export declare const wa: FakeWhatsApp;
