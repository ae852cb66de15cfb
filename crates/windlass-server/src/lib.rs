//! HTTP and JSON over the owner's Unix socket.
