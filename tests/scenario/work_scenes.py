"""Small experiments with work to be done, in parts."""

# Rows: eo-0-0, eo-0-1 (0, 1), dc-0-0 .. dc-0-3 (2 to 5), a, b, c (6 to 8), Tokyo, Troll (9, 10).
SKY = """duration_s = 600.0
[topology]
[[topology.satellites]]
name = "eo"
pattern = "walker-delta"
planes = 1
slots = 2
phasing_factor = 0
altitude_km = 600.0
inclination_deg = 97.8
[[topology.satellites]]
name = "dc"
pattern = "walker-delta"
planes = 1
slots = 4
phasing_factor = 0
altitude_km = 1200.0
inclination_deg = 53.0
[[topology.satellites]]
name = "bare"
fixed = ["a", "b", "c"]
[[topology.ground]]
name = "Tokyo"
lat_deg = 35.7
lon_deg = 139.7
[[topology.ground]]
name = "Troll"
lat_deg = -72.0
lon_deg = 2.5
[[topology.links]]
rule = "ground"
rate_gbps = 1.0
"""
CAMERA = """[sensors.camera]
on = "eo"
scene_bytes = 1_000_000
every_s = 60.0
"""
GPU = """[compute.gpu]
on = "dc"
service_s = 1.0
"""
CHIP = GPU.replace("gpu", "chip").replace('"dc"', '"eo"')
HALL = GPU.replace("gpu", "hall").replace('"dc"', '"Tokyo"')
POWER = """[power.bus]
on = "dc"
array_w = 1000.0
battery_wh = 500.0
"""
RAW = """[[workloads]]
name = "raw"
kind = "bent-pipe"
source = "camera"
stations = ["Tokyo", "Troll"]
"""
IN_ORBIT = RAW.replace("bent-pipe", "in-orbit") + 'compute = "gpu"\n'
CHAT = """[[workloads]]
name = "chat"
kind = "inference"
users = "Tokyo"
compute = "gpu"
requests_per_s = 1.0
"""
TRAINING = """[[workloads]]
name = "training"
kind = "collective"
group = "dc"
step_bytes = 1_000_000
"""
LAST = '{ transfer_to = "Tokyo" }'


def staged(*stages):
    """A workload with these stages."""
    return f'[[workloads]]\nname = "own"\nsource = "camera"\nstages = [{", ".join(stages)}]\n'
