import { WebSocket } from "ws";

/** The code of RFC 6455 for a message that is larger than the receiver accepts. */
const messageTooLargeCode = 1009;

/**
 * A WebSocket that sends its waiting messages before the closing frame. `close` is called in every
 * case: by this server, or by the library when the client closes or sends an invalid frame.
 */
export class OrderlySocket extends WebSocket {
  /**
   * The code of the closing frame that this end sent, first or in answer; undefined without one.
   */
  closeCode: number | undefined;
  /** The largest message, to be told to a client that sends a larger one. */
  messageBytesMax: number | undefined;
  #beforeClose = () => {};

  /** Sets the listener that is called when closing begins, while messages can still be sent. */
  onClosing(listener: () => void): void {
    this.#beforeClose = listener;
  }

  /** Takes a message past the library; false while closing, when the library has to read it. */
  hear(message: Buffer): boolean {
    if (this.readyState !== this.OPEN) return false;
    this.emit("message", message, false);
    return true;
  }

  override close(code?: number, reason?: string | Buffer): void {
    try {
      if (this.readyState === this.OPEN) {
        this.closeCode = code;
        this.#beforeClose();
      }
    } finally {
      super.close(code, reason ?? this.#reasonOf(code));
    }
  }

  /** The library gives no reason with a code of its own. At most 123 bytes fit in the frame. */
  #reasonOf(code: number | undefined): string | undefined {
    if (code !== messageTooLargeCode || this.messageBytesMax === undefined) return undefined;
    return `a message may have ${this.messageBytesMax} bytes at most; send less, or start the \
server with a larger --max-message`;
  }
}
