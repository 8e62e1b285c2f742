// ns-3 on a network and its traffic from a file: ns3_graph dev|ip FILE SENDING_PS
//
// `dev` leaves the IP stack out: a header of four bytes names the flow, and a device's receive callback hands
// the packet to the next device, the least that ns-3's events, packets, queues and links can cost. `ip` has
// IPv4 and UDP, sockets at both ends, and an Ipv4RoutingProtocol whose forwarding is one look-up in an array
// (the shape of the satellite add-ons to ns-3); links are unnumbered, a node has one address. There is no
// traffic control layer, so the device's queue is the only one.
//
// The file is what bench/packets.py writes (`write_network`). Sources send for SENDING_PS; then the run drains,
// so that packet-hops are the packets received times the length of their paths. What is printed is one JSON
// object. The scheduler is ns-3's default, a map: of those of ns-3 3.37 the fastest here.
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

using namespace ns3;

static const uint32_t NONE = UINT32_MAX;

struct Flow
{
    uint32_t source, destination, bytes, hops;
    int64_t intervalPs, phasePs;
    uint64_t sent = 0, received = 0;
    Ptr<Socket> socket;
};

static std::vector<Flow> g_flow;
static std::vector<Ptr<NetDevice>> g_device; // by link: at its sending end
static std::vector<Ptr<Ipv4Route>> g_route;  // by link
static std::vector<uint32_t> g_next;         // by node and column: link
static std::vector<uint32_t> g_column;       // by node: its column in g_next, if packets go there
static uint32_t g_nColumns = 0;
static int64_t g_sendingPs = 0;
static uint64_t g_inFlight = 0; // when the sources stop

static uint32_t
NextLink(uint32_t node, uint32_t destination)
{
    return g_next[uint64_t(node) * g_nColumns + g_column[destination]];
}

static Ipv4Address
AddressOf(uint32_t node)
{
    return Ipv4Address(0x0a000001 + node);
}

// Bytes of memory as /proc has them: "VmRSS" now, "VmHWM" at its highest.
static uint64_t
Memory(const char* key)
{
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line))
    {
        if (line.compare(0, strlen(key), key) == 0)
        {
            return std::stoull(line.substr(strlen(key) + 1)) * 1024;
        }
    }
    return 0;
}

// ------------------------------------------------------------------------------------------------------- dev

class FlowHeader : public Header
{
  public:
    uint32_t flow = 0;

    static TypeId GetTypeId()
    {
        static TypeId id = TypeId("FlowHeader").SetParent<Header>().AddConstructor<FlowHeader>();
        return id;
    }

    TypeId GetInstanceTypeId() const override { return GetTypeId(); }
    uint32_t GetSerializedSize() const override { return 4; }
    void Serialize(Buffer::Iterator start) const override { start.WriteU32(flow); }

    uint32_t Deserialize(Buffer::Iterator start) override
    {
        flow = start.ReadU32();
        return 4;
    }

    void Print(std::ostream&) const override {}
};

static void
SendOverDevice(uint32_t row)
{
    Flow& flow = g_flow[row];
    Ptr<Packet> packet = Create<Packet>(flow.bytes - 4);
    FlowHeader header;
    header.flow = row;
    packet->AddHeader(header);
    Ptr<NetDevice> device = g_device[NextLink(flow.source, flow.destination)];
    device->Send(packet, device->GetBroadcast(), 0x0800);
    ++flow.sent;
    if (Simulator::Now().GetPicoSeconds() + flow.intervalPs < g_sendingPs)
    {
        Simulator::Schedule(PicoSeconds(flow.intervalPs), &SendOverDevice, row);
    }
}

static bool
ReceiveFromDevice(Ptr<NetDevice> device, Ptr<const Packet> packet, uint16_t protocol, const Address&)
{
    FlowHeader header;
    packet->PeekHeader(header);
    Flow& flow = g_flow[header.flow];
    uint32_t node = device->GetNode()->GetId();
    if (node == flow.destination)
    {
        ++flow.received;
    }
    else
    {
        Ptr<NetDevice> out = g_device[NextLink(node, flow.destination)];
        out->Send(packet->Copy(), out->GetBroadcast(), protocol);
    }
    return true;
}

// -------------------------------------------------------------------------------------------------------- ip

class ArrayRouting : public Ipv4RoutingProtocol
{
  public:
    static TypeId GetTypeId()
    {
        static TypeId id =
            TypeId("ArrayRouting").SetParent<Ipv4RoutingProtocol>().AddConstructor<ArrayRouting>();
        return id;
    }

    uint32_t node = 0;
    Ptr<Ipv4> ipv4;

    Ptr<Ipv4Route> RouteTo(const Ipv4Header& header) const
    {
        return g_route[NextLink(node, header.GetDestination().Get() - AddressOf(0).Get())];
    }

    Ptr<Ipv4Route> RouteOutput(Ptr<Packet>,
                               const Ipv4Header& header,
                               Ptr<NetDevice>,
                               Socket::SocketErrno& error) override
    {
        error = Socket::ERROR_NOTERROR;
        return RouteTo(header);
    }

    // ns-3 3.37 takes the callbacks by value; later releases take const references.
    bool RouteInput(Ptr<const Packet> packet,
                    const Ipv4Header& header,
                    Ptr<const NetDevice> device,
                    UnicastForwardCallback forward,
                    MulticastForwardCallback,
                    LocalDeliverCallback deliver,
                    ErrorCallback) override
    {
        if (header.GetDestination() == AddressOf(node))
        {
            deliver(packet, header, ipv4->GetInterfaceForDevice(device));
        }
        else
        {
            forward(RouteTo(header), packet, header);
        }
        return true;
    }

    void NotifyInterfaceUp(uint32_t) override {}
    void NotifyInterfaceDown(uint32_t) override {}
    void NotifyAddAddress(uint32_t, Ipv4InterfaceAddress) override {}
    void NotifyRemoveAddress(uint32_t, Ipv4InterfaceAddress) override {}
    void SetIpv4(Ptr<Ipv4> given) override { ipv4 = given; }
    void PrintRoutingTable(Ptr<OutputStreamWrapper>, Time::Unit) const override {}
};

class ArrayRoutingHelper : public Ipv4RoutingHelper
{
  public:
    ArrayRoutingHelper* Copy() const override { return new ArrayRoutingHelper(*this); }

    Ptr<Ipv4RoutingProtocol> Create(Ptr<Node> node) const override
    {
        Ptr<ArrayRouting> routing = CreateObject<ArrayRouting>();
        routing->node = node->GetId();
        return routing;
    }
};

static void
SendOverSocket(uint32_t row)
{
    Flow& flow = g_flow[row];
    flow.socket->Send(Create<Packet>(flow.bytes - 28)); // UDP has 8 bytes, IPv4 20
    ++flow.sent;
    if (Simulator::Now().GetPicoSeconds() + flow.intervalPs < g_sendingPs)
    {
        Simulator::Schedule(PicoSeconds(flow.intervalPs), &SendOverSocket, row);
    }
}

static void
ReceiveFromSocket(uint32_t row, Ptr<Socket> socket)
{
    while (socket->Recv())
    {
        ++g_flow[row].received;
    }
}

static void
AddInterface(Ptr<NetDevice> device)
{
    Ptr<Node> node = device->GetNode();
    Ptr<Ipv4> ipv4 = node->GetObject<Ipv4>();
    uint32_t interface = ipv4->AddInterface(device);
    ipv4->AddAddress(interface, Ipv4InterfaceAddress(AddressOf(node->GetId()), Ipv4Mask("255.255.255.255")));
    ipv4->SetMetric(interface, 1);
    ipv4->SetUp(interface);
}

static void
OpenSockets(const NodeContainer& nodes, uint32_t row)
{
    Flow& flow = g_flow[row];
    uint16_t port = 1000 + row;
    Ptr<Socket> sink = Socket::CreateSocket(nodes.Get(flow.destination), UdpSocketFactory::GetTypeId());
    sink->Bind(InetSocketAddress(Ipv4Address::GetAny(), port));
    sink->SetRecvCallback(MakeBoundCallback(&ReceiveFromSocket, row));
    flow.socket = Socket::CreateSocket(nodes.Get(flow.source), UdpSocketFactory::GetTypeId());
    flow.socket->Connect(InetSocketAddress(AddressOf(flow.destination), port));
}

// --------------------------------------------------------------------------------------------------- network

static NetDeviceContainer
Join(Ptr<Node> from, Ptr<Node> to, uint64_t rateBps, int64_t delayPs, bool ip)
{
    PointToPointHelper helper;
    helper.SetDeviceAttribute("DataRate", DataRateValue(DataRate(rateBps)));
    helper.SetChannelAttribute("Delay", TimeValue(PicoSeconds(delayPs)));
    QueueSize size(QueueSizeUnit::BYTES, rateBps / 160); // 50 ms
    helper.SetQueue("ns3::DropTailQueue", "MaxSize", QueueSizeValue(size));
    NetDeviceContainer ends = helper.Install(from, to);
    for (uint32_t end : {0, 1})
    {
        if (ip)
        {
            AddInterface(ends.Get(end));
        }
        else
        {
            ends.Get(end)->SetReceiveCallback(MakeCallback(&ReceiveFromDevice));
        }
    }
    return ends;
}

// Where a link's reverse is there, too, both share a channel, as ns-3 has it.
static void
AddLinks(std::ifstream& file, const NodeContainer& nodes, uint32_t nLinks, bool ip)
{
    std::map<std::pair<uint32_t, uint32_t>, Ptr<NetDevice>> farEnd; // by (from, to)
    for (uint32_t link = 0; link < nLinks; ++link)
    {
        uint32_t from;
        uint32_t to;
        uint64_t rateBps;
        int64_t delayPs;
        file >> from >> to >> rateBps >> delayPs;
        auto reverse = farEnd.find({to, from});
        if (reverse == farEnd.end())
        {
            NetDeviceContainer ends = Join(nodes.Get(from), nodes.Get(to), rateBps, delayPs, ip);
            g_device.push_back(ends.Get(0));
            farEnd[{from, to}] = ends.Get(1);
        }
        else
        {
            g_device.push_back(reverse->second);
        }
        g_route.push_back(Create<Ipv4Route>());
        g_route.back()->SetSource(AddressOf(from));
        g_route.back()->SetGateway(AddressOf(to));
        g_route.back()->SetOutputDevice(g_device.back());
    }
}

static void
AddFlows(std::ifstream& file, uint32_t nNodes, uint32_t nFlows)
{
    g_column.assign(nNodes, NONE);
    g_flow.resize(nFlows);
    for (Flow& flow : g_flow)
    {
        file >> flow.source >> flow.destination >> flow.bytes >> flow.intervalPs >> flow.phasePs >> flow.hops;
        if (g_column[flow.destination] == NONE)
        {
            g_column[flow.destination] = g_nColumns++;
        }
    }
}

static void
AddRoutes(std::ifstream& file, uint32_t nNodes, uint32_t nRoutes)
{
    g_next.assign(uint64_t(nNodes) * g_nColumns, NONE);
    for (uint32_t route = 0; route < nRoutes; ++route)
    {
        uint32_t node;
        uint32_t destination;
        uint32_t link;
        file >> node >> destination >> link;
        g_next[uint64_t(node) * g_nColumns + g_column[destination]] = link;
    }
}

static uint64_t
Total(uint64_t (*of)(const Flow&))
{
    uint64_t total = 0;
    for (const Flow& flow : g_flow)
    {
        total += of(flow);
    }
    return total;
}

static void
NoteInFlight()
{
    g_inFlight = Total([](const Flow& flow) { return flow.sent - flow.received; });
}

int
main(int argc, char** argv)
{
    if (argc != 4)
    {
        std::cerr << "usage: ns3_graph dev|ip FILE SENDING_PS\n";
        return 2;
    }
    Time::SetResolution(Time::PS);
    bool ip = strcmp(argv[1], "ip") == 0;
    std::ifstream file(argv[2]);
    g_sendingPs = std::stoll(argv[3]);
    uint32_t nNodes;
    uint32_t nLinks;
    uint32_t nFlows;
    uint32_t nRoutes;
    file >> nNodes >> nLinks >> nFlows >> nRoutes;
    NodeContainer nodes(nNodes);
    if (ip)
    {
        InternetStackHelper stack;
        stack.SetIpv6StackInstall(false);
        stack.SetRoutingHelper(ArrayRoutingHelper());
        stack.Install(nodes);
    }
    AddLinks(file, nodes, nLinks, ip);
    AddFlows(file, nNodes, nFlows);
    AddRoutes(file, nNodes, nRoutes);
    for (uint32_t row = 0; row < nFlows; ++row)
    {
        if (ip)
        {
            OpenSockets(nodes, row);
        }
        Simulator::Schedule(PicoSeconds(g_flow[row].phasePs), ip ? &SendOverSocket : &SendOverDevice, row);
    }
    Simulator::Schedule(PicoSeconds(g_sendingPs), &NoteInFlight);

    uint64_t before = Memory("VmRSS");
    auto began = std::chrono::steady_clock::now();
    Simulator::Run();
    std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
    printf("{\"sent\": %lu, \"received\": %lu, \"packet_hops\": %lu, \"in_flight\": %lu, \"wall_s\": %.6f, "
           "\"packet_bytes\": %lu}\n",
           Total([](const Flow& flow) { return flow.sent; }),
           Total([](const Flow& flow) { return flow.received; }),
           Total([](const Flow& flow) { return flow.received * flow.hops; }),
           g_inFlight,
           wall.count(),
           Memory("VmHWM") - before);
    Simulator::Destroy();
    return 0;
}
