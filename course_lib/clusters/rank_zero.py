"""Asynchronous runs on MPI ranks: rank 0 is the server, the others host the workers."""

import numpy as np
from mpi4py import MPI

from course_lib.clusters.exchange import blocks
from course_lib.clusters.real import Server


class RankZero(Server):
    """The server: models go out to a worker's rank, and gradients are received from any."""

    def __init__(self, cluster, *settings):
        super().__init__(cluster, *settings)
        self.comm, self.under_way = cluster.comm, {}
        hosted = blocks(cluster.m, self.comm.size - 1)
        self.host = {i: rank for rank, block in enumerate(hosted, 1) for i in range(block.start, block.stop)}

    def send(self, i, model):
        """Without waiting: the worker's rank may be busy, and about to send to us."""
        self.under_way[i] = self.comm.Isend(model, self.host[i], tag=i), model  # which stays as it is meanwhile

    def receive(self):
        """From any rank; the tag says which worker."""
        gradient, status = np.empty((1, self.x.shape[-1])), MPI.Status()
        self.comm.Recv(gradient, MPI.ANY_SOURCE, MPI.ANY_TAG, status)
        i = status.Get_tag()
        self.under_way.pop(i)[0].Wait()
        return i, gradient

    def close(self):
        """Take what is still under way, and send everybody home."""
        if self.cluster._server is not self:
            return
        while self.under_way:
            self.receive()
        for rank in range(1, self.comm.size):
            self.comm.Send(self.x[:1], rank, tag=self.cluster.m)
        self.cluster._server, self.cluster._total = None, self.cluster.ledger.copy()


def work(cluster):
    """What the other ranks do: gradients at the models that rank 0 sends, until it says that it has enough."""
    model, status = np.empty((1, cluster.d)), MPI.Status()
    while True:
        cluster.comm.Recv(model, 0, MPI.ANY_TAG, status)
        i = status.Get_tag()
        if i == cluster.m:
            return
        cluster.comm.Send(cluster.compute(model, i), 0, tag=i)
