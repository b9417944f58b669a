/** Listeners of a connection: notified in the order they came; one that throws does not stop the others. */
export class Listeners {
  private listeners: readonly (() => void)[] = [];

  add(listener: () => void): () => void {
    // A function of its own, so that one listener added twice is two.
    const entry = () => listener();
    this.listeners = this.listeners.concat(entry);
    return () => {
      this.listeners = this.listeners.filter((other) => other !== entry);
    };
  }

  notify(): void {
    for (const listener of this.listeners) {
      try {
        listener();
      } catch {
        // Called from inside Baileys' own events, where an exception would keep it from ending the socket.
      }
    }
  }

  clear(): void {
    this.listeners = [];
  }
}
