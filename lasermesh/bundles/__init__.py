"""Bundles: stored at nodes, sent from contact to contact as segments, never dropped for want of a link.

Everything happens at instants of the agenda (`workloads.agenda`); packets go by the packet engine, over flows
that lead straight from a node to a neighbour. Routes are asked of `dtn`.
"""
