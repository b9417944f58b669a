/** What each close reason means, for people. */
export const CLOSE_WORDS = {
  stream_broken: {
    en: 'A frame could not be read; the connection is opened anew.',
    pt: 'Um pacote não pôde ser lido; a conexão está sendo reaberta.',
  },
  silent: {
    en: 'WhatsApp stopped answering; the connection was ended and is being repaired.',
    pt: 'O WhatsApp parou de responder; a conexão foi encerrada e está sendo refeita.',
  },
  logged_out: {
    en: 'The device was removed from the account. Pair it again.',
    pt: 'O aparelho foi removido da conta. Conecte-o novamente lendo o QR code.',
  },
  network_error: {
    en: 'WhatsApp could not be reached over the network.',
    pt: 'Não foi possível alcançar o WhatsApp pela rede.',
  },
  account_locked: {
    en: 'WhatsApp locked the account or its phone is gone. Check the phone, then pair again.',
    pt: 'O WhatsApp bloqueou a conta ou o celular não está mais ativo. Verifique o celular e conecte novamente.',
  },
  account_banned: {
    en: 'WhatsApp banned the number or ended its login. Check the phone, then pair again.',
    pt: 'O WhatsApp baniu o número ou encerrou o login. Verifique o celular e conecte novamente.',
  },
  unauthorized: {
    en: 'WhatsApp refused the login; it is tried once more before it counts as logged out.',
    pt: 'O WhatsApp recusou o login; haverá mais uma tentativa antes de considerar a sessão desconectada.',
  },
  temporary_ban: {
    en: 'The number is banned for a while; it is tried again when the ban is over.',
    pt: 'O número está banido temporariamente; haverá nova tentativa quando o banimento terminar.',
  },
  client_refused: {
    en: 'WhatsApp refuses this client version. Update Baileys; credentials are kept.',
    pt: 'O WhatsApp recusa esta versão do cliente. Atualize o Baileys; as credenciais foram mantidas.',
  },
  server_not_trusted: {
    en: 'The server is not WhatsApp: its certificate is wrong. Check for a proxy in between.',
    pt: 'O servidor não é o WhatsApp: o certificado está errado. Verifique se há um proxy no caminho.',
  },
  bad_request: {
    en: 'WhatsApp calls the login invalid. A person has to check it; credentials are kept.',
    pt: 'O WhatsApp considera o login inválido. É preciso verificar; as credenciais foram mantidas.',
  },
  bad_user_agent: {
    en: 'WhatsApp refuses the browser name of this client. Change it; credentials are kept.',
    pt: 'O WhatsApp recusa o nome de navegador deste cliente. Altere-o; as credenciais foram mantidas.',
  },
  pair_again: {
    en: 'The login does not fit multi-device WhatsApp. Pair it again.',
    pt: 'O login não é compatível com o modo multiaparelho. Conecte novamente.',
  },
  replaced: {
    en: 'The same login was opened elsewhere.',
    pt: 'O mesmo login foi aberto em outro lugar.',
  },
  restart_required: {
    en: 'WhatsApp asks for a new connection, as it does after pairing.',
    pt: 'O WhatsApp pede uma nova conexão, como faz após o pareamento.',
  },
  qr_expired: {
    en: 'Nobody scanned the QR code in time. Start the session again for a new one.',
    pt: 'Ninguém leu o QR code a tempo. Inicie a sessão novamente para gerar outro.',
  },
  connection_lost: { en: 'The connection went silent.', pt: 'A conexão ficou sem resposta.' },
  timed_out: { en: 'WhatsApp did not answer in time.', pt: 'O WhatsApp não respondeu a tempo.' },
  connection_closed: {
    en: 'WhatsApp or the network closed the connection.',
    pt: 'O WhatsApp ou a rede fechou a conexão.',
  },
  service_unavailable: {
    en: 'WhatsApp is unavailable for the moment.',
    pt: 'O WhatsApp está indisponível no momento.',
  },
  server_error: { en: 'WhatsApp had an error of its own.', pt: 'O WhatsApp teve um erro interno.' },
  stream_error: { en: 'WhatsApp ended the stream with an error.', pt: 'O WhatsApp encerrou a conexão com um erro.' },
  ended_by_app: { en: 'The app ended the socket.', pt: 'O aplicativo encerrou a conexão.' },
  unknown_close: {
    en: 'The connection ended for an unknown reason.',
    pt: 'A conexão terminou por um motivo desconhecido.',
  },
} as const;
