"""Local problems solved exactly: the call of a cluster that ADMM and proximal methods use."""

import numpy as np

from course_lib.errors import CourseError

STEPS = 50  # of Newton's method, at most


class Solving:
    """Proximal points of the workers' own losses. A part of a cluster: it moves the clocks."""

    def proximal(self, V, rho, tilt=0.0):
        """Each worker solves min_x f_i(x) + tilt_i.x + rho/2 ||x - v_i||^2 on all its data, to rounding.

        By Newton's method with halved steps where needed; each of its steps takes the time of a gradient and a
        Hessian, 1 + d/2 gradients.

        Parameters
        ----------
        V : array, shape (m, d)
            One centre a worker.
        rho : float or array (m, 1)
        tilt : array, shape (m, d), optional

        Returns
        -------
        array, shape (m, d)
        """
        if V.shape != (self.m, self.d):
            raise CourseError(f"local problems need one centre a worker, ({self.m}, {self.d}), not {V.shape}")
        X, rho = V, np.broadcast_to(rho, (self.m, 1))
        for _ in range(STEPS):
            self._work(load=1 + self.d / 2)
            step = self._newton(X, V, rho, tilt)
            if np.all(np.linalg.norm(step, axis=-1) <= 1e-13 * (1 + np.linalg.norm(X, axis=-1))):
                break
            X = X - self._damping(X, V, rho, tilt, step) * step
        return X

    def _newton(self, X, V, rho, tilt):
        slope = self.problem.gradient(X) + tilt + rho * (X - V)
        H = self.problem.hessians(X) + rho[..., None] * np.eye(self.d)
        try:
            return np.linalg.solve(H, slope[..., None])[..., 0]
        except np.linalg.LinAlgError:
            raise CourseError("some worker's own problem has no single solution: take rho > 0") from None

    def _damping(self, X, V, rho, tilt, step):
        """A power of one half for each worker with which its objective does not grow, shape (m, 1)."""

        def objective(X):
            near = tilt * X + rho / 2 * (X - V) ** 2
            return self.problem.losses(X)[:, None] + near.sum(-1, keepdims=True)

        size, here = np.ones((self.m, 1)), objective(X)
        for _ in range(30):
            grows = objective(X - size * step) > here + 1e-12 * (1 + abs(here))
            if not grows.any():
                break
            size = np.where(grows, size / 2, size)
        return size
