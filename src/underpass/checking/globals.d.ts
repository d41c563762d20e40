// Globals of Deno, for the checker, beside the libraries that it reads. Deno's own declaration of all
// globals has graphics and more in it, and takes as long to read as everything else together: the first
// program would wait twice as long. So what a program seldom has in hand is anything here.

declare var console: Console;
declare function queueMicrotask(callback: () => void): void;
declare function setTimeout(callback: (...given: any[]) => void, delay?: number, ...given: any[]): number;
declare function setInterval(callback: (...given: any[]) => void, delay?: number, ...given: any[]): number;
declare function clearTimeout(id?: any): void;
declare function clearInterval(id?: any): void;
declare function setImmediate(callback: (...given: any[]) => void, ...given: any[]): any;
declare function clearImmediate(id?: any): void;
declare var performance: any;
declare var process: any, Buffer: any, global: any, self: any, name: any, closed: any, close: any;
declare var alert: any, confirm: any, prompt: any, localStorage: any, sessionStorage: any, Storage: any;
declare var location: any, Location: any, navigator: any, Navigator: any, NavigatorUAData: any, Window: any;
declare var onerror: any, onload: any, onunload: any, onbeforeunload: any, onunhandledrejection: any;
declare var onrejectionhandled: any, onvisibilitychange: any, window: any;
declare var CustomEvent: any, ErrorEvent: any, CloseEvent: any, PromiseRejectionEvent: any;
declare var Performance: any, PerformanceEntry: any, PerformanceMark: any, PerformanceMeasure: any;
declare var PerformanceObserver: any, PerformanceObserverEntryList: any;
declare var WebAssembly: any, Worker: any, WebSocket: any, WebSocketStream: any, WebSocketError: any;
declare var BroadcastChannel: any, Temporal: any;
declare var caches: any, Cache: any, CacheStorage: any, Lock: any, LockManager: any;
declare var createImageBitmap: any, ImageBitmap: any, ImageBitmapRenderingContext: any, OffscreenCanvas: any;
declare var GPU: any, GPUAdapter: any, GPUAdapterInfo: any, GPUBindGroup: any, GPUBindGroupLayout: any;
declare var GPUBuffer: any, GPUBufferUsage: any, GPUCanvasContext: any, GPUColorWrite: any;
declare var GPUCommandBuffer: any, GPUCommandEncoder: any, GPUCompilationInfo: any;
declare var GPUCompilationMessage: any, GPUComputePassEncoder: any, GPUComputePipeline: any, GPUDevice: any;
declare var GPUDeviceLostInfo: any, GPUError: any, GPUInternalError: any, GPUMapMode: any;
declare var GPUOutOfMemoryError: any, GPUPipelineError: any, GPUPipelineLayout: any, GPUQuerySet: any;
declare var GPUQueue: any, GPURenderBundle: any, GPURenderBundleEncoder: any, GPURenderPassEncoder: any;
declare var GPURenderPipeline: any, GPUSampler: any, GPUShaderModule: any, GPUShaderStage: any;
declare var GPUSupportedFeatures: any, GPUSupportedLimits: any, GPUTexture: any, GPUTextureUsage: any;
declare var GPUTextureView: any, GPUUncapturedErrorEvent: any, GPUValidationError: any;
