/** Listeners of a connection: told to look again, in the order they came; one that throws does not stop the others. */
export function createListeners() {
  const listeners = new Set<() => void>();
  return {
    add(listener: () => void): () => void {
      // A function of its own, so that one listener added twice is two.
      const entry = () => listener();
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    tell(): void {
      for (const listener of [...listeners]) {
        try {
          listener();
        } catch {
          // Called from inside Baileys' own events, where an exception would keep it from ending the socket.
        }
      }
    },
    clear: () => listeners.clear(),
    size: () => listeners.size,
  };
}
