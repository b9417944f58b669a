/** Listeners of a connection: told to look again, in the order they came; one that throws does not stop the others. */
export class Listeners {
  private told: readonly (() => void)[] = [];

  add(listener: () => void): () => void {
    // A function of its own, so that one listener added twice is two.
    const entry = () => listener();
    this.told = this.told.concat(entry);
    return () => {
      this.told = this.told.filter((other) => other !== entry);
    };
  }

  tell(): void {
    for (const listener of this.told) {
      try {
        listener();
      } catch {
        // Called from inside Baileys' own events, where an exception would keep it from ending the socket.
      }
    }
  }

  clear(): void {
    this.told = [];
  }
}
