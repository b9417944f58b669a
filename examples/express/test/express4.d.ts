/** Express 4 under a name of its own; what is used of it here has the same types. */
declare module 'express4' {
  import express from 'express';

  export default express;
}
