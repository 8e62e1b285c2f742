// Chains of drop-tail links in ns-3 at a resolution of 1 ps, devices only: what became of every packet.
//
// Standard input, whole numbers, any number of cases one behind the other:
//
//   links packets
//   rate_bps delay_ps queue_packets                 for each link; link i leads from node i to node i + 1
//   time_ps source destination bytes                for each packet, in the order in which ns-3 hears of them
//
// Standard output, a line for each packet in the same order: "delivered" or "queue", the node, the time in ps.
//
// A device's receive callback hands the packet to the next device: no IP stack, no traffic control. Each packet
// gets ns-3's two bytes of PPP on every link.

#include "ns3/core-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

#include <iostream>
#include <unordered_map>
#include <vector>

using namespace ns3;

struct Fate
{
    uint32_t destination;
    const char* outcome = "in_flight";
    int64_t node = -1;
    int64_t time_ps = -1;
};

static std::vector<Ptr<NetDevice>> g_out; // by node: the device of the link that leaves it
static std::unordered_map<uint64_t, Fate*> g_fate; // by ns-3's id of a packet, which copies keep

static void
Settle(Fate* fate, const char* outcome, uint32_t node)
{
    fate->outcome = outcome;
    fate->node = node;
    fate->time_ps = Simulator::Now().GetPicoSeconds();
}

static void
Forward(uint32_t node, Ptr<Packet> packet)
{
    Ptr<NetDevice> device = g_out[node];
    if (!device->Send(packet, device->GetBroadcast(), 0x0800))
    {
        Settle(g_fate.at(packet->GetUid()), "queue", node);
    }
}

static bool
Receive(Ptr<NetDevice> device, Ptr<const Packet> packet, uint16_t, const Address&)
{
    uint32_t node = device->GetNode()->GetId();
    Fate* fate = g_fate.at(packet->GetUid());
    if (node == fate->destination)
    {
        Settle(fate, "delivered", node);
    }
    else
    {
        Forward(node, packet->Copy());
    }
    return true;
}

static void
Enter(uint32_t node, uint32_t bytes, Fate* fate)
{
    Ptr<Packet> packet = Create<Packet>(bytes);
    g_fate[packet->GetUid()] = fate;
    Forward(node, packet);
}

static void
RunCase(size_t nLinks, size_t nPackets)
{
    NodeContainer nodes(nLinks + 1);
    g_out.clear();
    g_fate.clear();
    for (size_t link = 0; link < nLinks; ++link)
    {
        uint64_t rateBps;
        int64_t delayPs;
        uint32_t queuePackets;
        std::cin >> rateBps >> delayPs >> queuePackets;
        PointToPointHelper helper;
        helper.SetDeviceAttribute("DataRate", DataRateValue(DataRate(rateBps)));
        helper.SetDeviceAttribute("Mtu", UintegerValue(65535));
        helper.SetChannelAttribute("Delay", TimeValue(PicoSeconds(delayPs)));
        helper.SetQueue("ns3::DropTailQueue",
                        "MaxSize",
                        QueueSizeValue(QueueSize(QueueSizeUnit::PACKETS, queuePackets)));
        NetDeviceContainer ends = helper.Install(nodes.Get(link), nodes.Get(link + 1));
        g_out.push_back(ends.Get(0));
        ends.Get(1)->SetReceiveCallback(MakeCallback(&Receive));
    }
    std::vector<Fate> fates(nPackets);
    for (Fate& fate : fates)
    {
        int64_t timePs;
        uint32_t source;
        uint32_t bytes;
        std::cin >> timePs >> source >> fate.destination >> bytes;
        Simulator::Schedule(PicoSeconds(timePs), &Enter, source, bytes, &fate);
    }
    Simulator::Run();
    Simulator::Destroy();
    for (const Fate& fate : fates)
    {
        std::cout << fate.outcome << ' ' << fate.node << ' ' << fate.time_ps << '\n';
    }
}

int
main()
{
    Time::SetResolution(Time::PS);
    size_t nLinks;
    size_t nPackets;
    while (std::cin >> nLinks >> nPackets)
    {
        RunCase(nLinks, nPackets);
    }
    return 0;
}
