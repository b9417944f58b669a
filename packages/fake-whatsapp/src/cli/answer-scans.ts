import type { IncomingMessage, RequestListener } from 'node:http';

const MAX_BODY_BYTES = 16_384;

/** The automatic phone: `POST /scan` with the text of a QR code. */
export function answerScans(): {
  readonly onRequest: RequestListener;
  /** Who scans. */
  onScan(scan: (qr: string) => Promise<string>): void;
} {
  let scanWith: ((qr: string) => Promise<string>) | undefined;
  return {
    onRequest(request, response) {
      if (request.method !== 'POST' || request.url !== '/scan' || !scanWith) {
        response.writeHead(426, { connection: 'close' }).end();
        return;
      }
      readBody(request)
        .then(scanWith)
        .then(
          (said) => response.writeHead(200).end(`${said}\n`),
          (error: Error) => response.writeHead(422).end(`${error.message}\n`),
        );
    },
    onScan(scan) {
      scanWith = scan;
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > MAX_BODY_BYTES) throw new Error('This is no QR code');
  }
  return body.trim();
}
