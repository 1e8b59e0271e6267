"""What plain torch lacks, as source text for the exported file; only what is used is written."""

from __future__ import annotations

from collections.abc import Mapping

HELPERS: Mapping[str, str] = {
    "Separable": '''\
class Separable(nn.Module):
    """A depthwise convolution, then a 1x1 one that mixes the channels."""

    def __init__(self, inputs, outputs, kernel, stride=1, padding=0, dilation=1, bias=True):
        super().__init__()
        self.window = (stride, padding, dilation)
        self.conv = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[len(kernel)]
        taps = torch.Size(kernel).numel()
        depthwise = torch.empty(inputs, 1, *kernel).uniform_(-1, 1) / taps**0.5
        pointwise = torch.empty(outputs, inputs, *(1,) * len(kernel)).uniform_(-1, 1)
        self.depthwise = nn.Parameter(depthwise)
        self.pointwise = nn.Parameter(pointwise / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x):
        x = self.conv(x, self.depthwise, None, *self.window, x.shape[1])
        return self.conv(x, self.pointwise, self.bias)
''',
    "Connected": '''\
class Connected(nn.Module):
    """A convolution in which each output is connected with some of the inputs only."""

    def __init__(self, table, inputs, kernel, bias=True, **window):
        super().__init__()
        self.outs = [out for out, row in enumerate(table) for _ in row]
        self.ins = [one for row in table for one in row]
        self.shape = (len(table), inputs, *kernel)
        self.conv = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[len(kernel)]
        self.window = window
        self.weight = nn.Parameter(torch.empty(len(self.ins), *kernel).uniform_(-0.1, 0.1))
        self.bias = nn.Parameter(torch.zeros(len(table))) if bias else None

    def forward(self, x):
        places = (torch.tensor(self.outs), torch.tensor(self.ins))
        weight = self.weight.new_zeros(self.shape).index_put(places, self.weight)
        return self.conv(x, weight, self.bias, **self.window)
''',
    "Local": '''\
class Local(nn.Module):
    """A convolution with a kernel of its own at every place; its input is padded already."""

    def __init__(self, places, inputs, outputs, kernel, stride, dilation, bias=True):
        super().__init__()
        self.kernel, self.stride, self.dilation = kernel, stride, dilation
        bound = (inputs * torch.Size(kernel).numel()) ** -0.5
        weight = torch.empty(*places, outputs, inputs, *kernel).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(outputs, *places)) if bias else None

    def forward(self, x):
        rank = len(self.kernel)
        for axis in range(rank):
            span = self.dilation[axis] * (self.kernel[axis] - 1) + 1
            x = x.unfold(axis + 2, span, self.stride[axis])
        for axis, dilation in enumerate(self.dilation):
            x = x[(slice(None),) * (axis + 2 + rank) + (slice(None, None, dilation),)]
        # (N, C, places..., taps...) to (places, N, C taps), and one matrix product per place.
        places = x.shape[2 : 2 + rank]
        taps = x.flatten(2 + rank).flatten(2, 1 + rank).permute(2, 0, 1, 3).flatten(2)
        weight = self.weight.flatten(0, rank - 1).flatten(2)
        y = torch.bmm(taps, weight.transpose(1, 2)).permute(1, 2, 0)
        y = y.reshape(*y.shape[:2], *places)
        return y if self.bias is None else y + self.bias
''',
    "Scale": '''\
class Scale(nn.Module):
    """A gain and an offset per channel."""

    def __init__(self, channels, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x):
        shape = (-1,) + (1,) * (x.dim() - 2)
        y = x * self.weight.view(shape)
        return y if self.bias is None else y + self.bias.view(shape)
''',
    "Codes": '''\
class Codes(nn.Module):
    """Minus the squared distance to each of some fixed vectors (radial basis functions)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.register_buffer("codes", torch.randint(0, 2, (outputs, inputs)) * 2.0 - 1)

    def forward(self, x):
        return -(x[:, None] - self.codes).square().sum(2)
''',
    "cropped": '''\
def cropped(x, other):
    """Cut a map to the size of another one: what is too much goes from both ends."""
    for axis in range(2, x.dim()):
        n = other.shape[axis]
        x = x.narrow(axis, (x.shape[axis] - n) // 2, n)
    return x
''',
    "continued": '''\
def continued(x):
    """Continue an input at its high ends to sizes on which the joins fit."""
    more = [
        next(k for k in range(divisor) if (n + k) % divisor in rests)
        for n, (divisor, rests) in zip(x.shape[2:], FITTING)
    ]
    return grown(x, more), more
''',
    "looked_up": '''\
def continued(x):
    """Continue an input at its high ends to sizes on which the joins fit."""
    more = [table[n] if n < len(table) else 0 for n, table in zip(x.shape[2:], MISSING)]
    return grown(x, more), more
''',
    "grown": '''\
def grown(x, more):
    """Repeat the last values at the high end of each axis."""
    for axis, count in enumerate(more, 2):
        edge = x.narrow(axis, x.shape[axis] - 1, 1)
        x = torch.cat([x, *[edge] * count], axis)
    return x


def cut(x, more, jumps):
    """Cut off an output what continuing the input added; jumps in input pixels, as fractions."""
    for axis, (count, (pixels, per)) in enumerate(zip(more, jumps), 2):
        x = x.narrow(axis, 0, max(1, x.shape[axis] - count * per // pixels))
    return x
''',
    "started": '''\
def started(y, x, stride, after):
    """Leave out windows that start in the padding behind a map."""
    for axis, (step, pad) in enumerate(zip(stride, after), 2):
        count = -(-(x.shape[axis] - pad) // step)
        y = y.narrow(axis, 0, min(y.shape[axis], count))
    return y
''',
    "sum_pool1d": '''\
def sum_pool1d(x, kernel, stride, pad):
    """Add up each window; a last one that hangs over the end counts too."""
    n = x.shape[-1]
    count = -(-(n + sum(pad) - kernel) // stride) + 1
    count -= (count - 1) * stride >= n + pad[0]
    x = F.pad(x, (pad[0], (count - 1) * stride + kernel - n - pad[0]))
    return F.avg_pool1d(x, kernel, stride) * kernel
''',
}
