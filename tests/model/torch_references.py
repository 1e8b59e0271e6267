"""Well-known networks written plainly in torch, to compare the presets with.

Structure and names of parameters are exactly torchvision's where torchvision has the network, so
that the state dicts are those which people have on disk; the others are written from their papers.
Nothing here knows of napari-convnet. Build large ones inside ``with torch.device("meta")``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# ---------------------------------------------------------------- AlexNet and VGG


class AlexNet(nn.Module):
    """torchvision.models.alexnet."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


VGG_WIDTHS: dict[int, Sequence[int | str]] = {
    11: (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    13: (64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    16: (64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"),
    19: (64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"),
}


class VGG(nn.Module):
    """torchvision.models.vgg11 to vgg19, and their _bn."""

    def __init__(self, depth: int, bn: bool = False, classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in VGG_WIDTHS[depth]:
            if isinstance(width, str):
                layers.append(nn.MaxPool2d(2))
                continue
            layers.append(nn.Conv2d(channels, width, 3, padding=1))
            layers += [nn.BatchNorm2d(width), nn.ReLU()] if bn else [nn.ReLU()]
            channels = width
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


# ---------------------------------------------------------------- GoogLeNet


class BasicConv2d(nn.Module):
    """torchvision's convolution of GoogLeNet: no bias, batch norm with eps .001, ReLU."""

    def __init__(self, channels: int, out: int, **how: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, bias=False, **how)
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """torchvision's inception module: 3x3 kernels where the paper has 5x5."""

    def __init__(self, channels: int, c1: int, r3: int, c3: int, r5: int, c5: int, p: int) -> None:
        super().__init__()
        self.branch1 = BasicConv2d(channels, c1, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(channels, r3, kernel_size=1),
            BasicConv2d(r3, c3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(channels, r5, kernel_size=1),
            BasicConv2d(r5, c5, kernel_size=3, padding=1),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True),
            BasicConv2d(channels, p, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """torchvision's auxiliary head of GoogLeNet."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.conv = BasicConv2d(channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, classes)
        self.dropout = nn.Dropout(0.7)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(self.conv(F.adaptive_avg_pool2d(x, 4)), 1)
        return self.fc2(self.dropout(F.relu(self.fc1(x))))


class GoogLeNet(nn.Module):
    """torchvision.models.googlenet with transform_input=False; `aux` adds the two heads."""

    def __init__(self, aux: bool = False, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = BasicConv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, kernel_size=1)
        self.conv3 = BasicConv2d(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = InceptionAux(512, classes) if aux else None
        self.aux2 = InceptionAux(528, classes) if aux else None
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4d(self.inception4c(self.inception4b(self.inception4a(x))))
        x = self.maxpool4(self.inception4e(x))
        x = self.inception5b(self.inception5a(x))
        return self.fc(self.dropout(torch.flatten(self.avgpool(x), 1)))


# ---------------------------------------------------------------- ResNet


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(
        self, channels: int, width: int, stride: int, downsample: nn.Module | None, first: bool
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut; the stride lies in the 3x3, or in the 1x1 (`first`)."""

    expansion = 4

    def __init__(
        self, channels: int, width: int, stride: int, downsample: nn.Module | None, first: bool
    ) -> None:
        super().__init__()
        strides = (stride, 1) if first else (1, stride)
        self.conv1 = nn.Conv2d(channels, width, 1, strides[0], bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, strides[1], 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


RESNETS: dict[int, tuple[type[BasicBlock | Bottleneck], Sequence[int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
}


class ResNet(nn.Module):
    """torchvision.models.resnet18 to 101; `first` puts the stride into the 1x1, as in 2015."""

    def __init__(self, depth: int, first: bool = False, classes: int = 1000) -> None:
        super().__init__()
        block, counts = RESNETS[depth]
        self.channels = 64
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._layer(block, 64, counts[0], 1, first)
        self.layer2 = self._layer(block, 128, counts[1], 2, first)
        self.layer3 = self._layer(block, 256, counts[2], 2, first)
        self.layer4 = self._layer(block, 512, counts[3], 2, first)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512 * block.expansion, classes)

    def _layer(
        self, block: type[BasicBlock | Bottleneck], width: int, count: int, stride: int, first: bool
    ) -> nn.Sequential:
        out, blocks = width * block.expansion, []
        for index in range(count):
            step, downsample = (1 if index else stride), None
            if step != 1 or self.channels != out:
                conv = nn.Conv2d(self.channels, out, 1, step, bias=False)
                downsample = nn.Sequential(conv, nn.BatchNorm2d(out))
            blocks.append(block(self.channels, width, step, downsample, first))
            self.channels = out
        return nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class BasicBlock3d(nn.Module):
    """torchvision's block of r3d_18."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv3d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm3d(width), nn.ReLU()
        )
        self.conv2 = nn.Sequential(
            nn.Conv3d(width, width, 3, 1, 1, bias=False), nn.BatchNorm3d(width)
        )
        self.downsample = None
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(
                nn.Conv3d(channels, width, 1, stride, bias=False), nn.BatchNorm3d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class R3D18(nn.Module):
    """torchvision.models.video.r3d_18, on (frames, rows, columns)."""

    def __init__(self, classes: int = 400) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(3, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False),
            nn.BatchNorm3d(64),
            nn.ReLU(),
        )
        self.layer1 = nn.Sequential(BasicBlock3d(64, 64, 1), BasicBlock3d(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock3d(64, 128, 2), BasicBlock3d(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock3d(128, 256, 2), BasicBlock3d(256, 256, 1))
        self.layer4 = nn.Sequential(BasicBlock3d(256, 512, 2), BasicBlock3d(512, 512, 1))
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(512, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


# ---------------------------------------------------------------- DenseNet


class DenseLayer(nn.Module):
    """Norm, ReLU, 1x1, norm, ReLU, 3x3 on all maps before it."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.relu1(self.norm1(x)))
        return self.conv2(self.relu2(self.norm2(x)))


class DenseBlock(nn.ModuleDict):
    """Layers that each see the maps of all before."""

    def __init__(self, count: int, channels: int, growth: int) -> None:
        super().__init__(
            {
                f"denselayer{index + 1}": DenseLayer(channels + index * growth, growth)
                for index in range(count)
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.values():
            x = torch.cat([x, layer(x)], 1)
        return x


class Transition(nn.Sequential):
    """Half the maps, at half the size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2)


class DenseNet(nn.Module):
    """torchvision.models.densenet121."""

    def __init__(
        self, counts: Sequence[int] = (6, 12, 24, 16), growth: int = 32, classes: int = 1000
    ) -> None:
        super().__init__()
        channels = 2 * growth
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, channels, 7, 2, 3, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(channels))
        self.features.add_module("relu0", nn.ReLU())
        self.features.add_module("pool0", nn.MaxPool2d(3, 2, 1))
        for index, count in enumerate(counts, 1):
            self.features.add_module(f"denseblock{index}", DenseBlock(count, channels, growth))
            channels += count * growth
            if index < len(counts):
                self.features.add_module(f"transition{index}", Transition(channels))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.features(x))
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


# ---------------------------------------------------------------- MobileNet and SqueezeNet


def _conv_norm(
    channels: int,
    out: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    activation: Callable[[], nn.Module] = nn.ReLU6,
) -> nn.Sequential:
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), activation())


class InvertedResidual(nn.Module):
    """torchvision's: widen, filter each map, narrow; a shortcut where shapes are equal."""

    def __init__(self, channels: int, out: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = channels * expand
        layers = [] if expand == 1 else [_conv_norm(channels, hidden, 1)]
        layers += [
            _conv_norm(hidden, hidden, 3, stride, hidden),
            nn.Conv2d(hidden, out, 1, bias=False),
            nn.BatchNorm2d(out),
        ]
        self.conv = nn.Sequential(*layers)
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.shortcut else self.conv(x)


MOBILENET_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, outputs, count and stride of the groups."""


class MobileNetV2(nn.Module):
    """torchvision.models.mobilenet_v2."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv_norm(3, 32, 3, 2)]
        channels = 32
        for expand, out, count, stride in MOBILENET_V2:
            for index in range(count):
                layers.append(InvertedResidual(channels, out, 1 if index else stride, expand))
                channels = out
        layers.append(_conv_norm(channels, 1280, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(self.features(x), 1)
        return self.classifier(torch.flatten(x, 1))


class MobileNetV1(nn.Sequential):
    """MobileNet of Howard and others 2017 (not in torchvision)."""

    def __init__(self, classes: int = 1000) -> None:
        layers: list[nn.Module] = [_conv_norm(3, 32, 3, 2, activation=nn.ReLU)]
        channels = 32
        steps = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5]
        for out, stride in [*steps, (1024, 2), (1024, 1)]:
            layers.append(_conv_norm(channels, channels, 3, stride, channels, nn.ReLU))
            layers.append(_conv_norm(channels, out, 1, activation=nn.ReLU))
            channels = out
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, classes))


class Fire(nn.Module):
    """torchvision's: few maps, then many from 1x1 and 3x3 side by side."""

    def __init__(self, channels: int, squeeze: int, one: int, three: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, 1)
        self.squeeze_activation = nn.ReLU()
        self.expand1x1 = nn.Conv2d(squeeze, one, 1)
        self.expand1x1_activation = nn.ReLU()
        self.expand3x3 = nn.Conv2d(squeeze, three, 3, padding=1)
        self.expand3x3_activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        one = self.expand1x1_activation(self.expand1x1(x))
        return torch.cat([one, self.expand3x3_activation(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    """torchvision.models.squeezenet1_0."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, 7, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(96, 16, 64, 64),
            Fire(128, 16, 64, 64),
            Fire(128, 32, 128, 128),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(256, 32, 128, 128),
            Fire(256, 48, 192, 192),
            Fire(384, 48, 192, 192),
            Fire(384, 64, 256, 256),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(512, 64, 256, 256),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Conv2d(512, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.flatten(self.classifier(self.features(x)), 1)


# ---------------------------------------------------------------- U-Net


class UNet3d(nn.Module):
    """3D U-Net of Çiçek and others 2016: no biases before batch norm, but in the up-convolutions.

    Their own count, 19,069,955, has the biases the other way round and leaves batch norm out.
    """

    def __init__(self, channels: int = 3, classes: int = 3, bias: bool = False) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            self._two(a, b, c, bias)
            for a, b, c in [(channels, 32, 64), (64, 64, 128), (128, 128, 256), (256, 256, 512)]
        )
        self.up = nn.ModuleList(
            nn.ModuleList([nn.ConvTranspose3d(c, c, 2, 2), self._two(c + n, n, n, bias)])
            for c, n in [(512, 256), (256, 128), (128, 64)]
        )
        self.out = nn.Conv3d(64, classes, 1)

    @staticmethod
    def _two(channels: int, first: int, second: int, bias: bool) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv3d(channels, first, 3, padding=1, bias=bias),
            nn.BatchNorm3d(first),
            nn.ReLU(),
            nn.Conv3d(first, second, 3, padding=1, bias=bias),
            nn.BatchNorm3d(second),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for index, block in enumerate(self.down):
            x = block(F.max_pool3d(x, 2) if index else x)
            kept.append(x)
        for (up, block), skip in zip(self.up, kept[-2::-1], strict=True):
            x = block(torch.cat([skip, up(x)], 1))
        return self.out(x)
