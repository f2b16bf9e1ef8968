/// <reference path="./forensic-report-types.d.ts" />
declare module 'forensic:report/telemetry@0.1.0' {
  export function startSpan(name: string, attributes: Array<Attribute>): Span;
  export type Attribute = import('forensic:report/types@0.1.0').Attribute;
  
  export class Span implements Disposable {
    /**
     * This type does not have a public constructor.
     */
    private constructor();
    /**
    * Sets an attribute; the same key again replaces the value.
    */
    setAttribute(attribute: Attribute): void;
    /**
    * Something that happened at a moment.
    */
    addEvent(name: string, attributes: Array<Attribute>): void;
    /**
    * Says that the operation failed, and why.
    */
    fail(message: string): void;
    /**
    * Ends it now; whatever comes later for this span has no effect.
    */
    end(): void;
    [Symbol.dispose](): void;
  }
}
