import { Controller, Get, Inject } from '@nestjs/common';
import { HelpdeskTables } from './helpdesk-tables.js';

/** The app's own pages read the app's own tables. */
@Controller()
export class HelpdeskController {
  constructor(@Inject(HelpdeskTables) private readonly tables: HelpdeskTables) {}

  @Get()
  about() {
    return {
      app: 'A Nest app whose table "WhatsAppSession" wa-sync keeps true',
      endpoints: '/whatsapp/openapi.json',
      status: '/whatsapp/status',
      health: '/health',
      table: '/table',
      conversations: '/conversations',
    };
  }

  @Get('table')
  listSessions() {
    return this.tables.listSessions();
  }

  @Get('conversations')
  listConversations() {
    return this.tables.listConversations();
  }
}
