//! No network: a socket is refused before anything of it exists.

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, IpAddressFamily, Network};
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket;
use wasmtime_wasi::p2::bindings::sync::sockets::udp_create_socket;
use wasmtime_wasi::p2::{IoError, SocketError, SocketResult, TcpSocket, UdpSocket};

use crate::plugin::store::State;

impl tcp_create_socket::Host for State {
    fn create_tcp_socket(&mut self, _family: IpAddressFamily) -> SocketResult<Resource<TcpSocket>> {
        Err(ErrorCode::AccessDenied.into())
    }
}

impl udp_create_socket::Host for State {
    fn create_udp_socket(&mut self, _family: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        Err(ErrorCode::AccessDenied.into())
    }
}

// What the two above need to say why not.
impl network::Host for State {
    fn convert_error_code(&mut self, error: SocketError) -> Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(&mut self, _error: Resource<IoError>) -> Result<Option<ErrorCode>> {
        Ok(None)
    }
}

impl network::HostNetwork for State {
    fn drop(&mut self, network: Resource<Network>) -> Result<()> {
        self.table.delete(network)?;
        Ok(())
    }
}
