// Postgres compiled to WebAssembly, which takes a processor for a quarter of a minute.
import '../../../postgres/test/describe-pglite.js';
